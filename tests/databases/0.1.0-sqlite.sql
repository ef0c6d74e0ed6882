BEGIN TRANSACTION;
CREATE TABLE application_versions (
    version_id TEXT NOT NULL PRIMARY KEY,
    version_name TEXT NOT NULL UNIQUE,
    version_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL);
INSERT INTO "application_versions" VALUES('6d80d5f2-f33d-4052-8314-7a36880518b7','1',1795568891000,1795568891000,'patchclamp');
CREATE TABLE dbos_migrations (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "dbos_migrations" VALUES(125);
CREATE TABLE notifications (
    message_uuid TEXT NOT NULL DEFAULT (hex(randomblob(16))) PRIMARY KEY,
    destination_uuid TEXT NOT NULL,
    topic TEXT,
    message TEXT NOT NULL,
    created_at_epoch_ms INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000), "serialization" TEXT DEFAULT NULL, "consumed" BOOLEAN NOT NULL DEFAULT FALSE, consumed_by_function_id INTEGER,
    FOREIGN KEY (destination_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE "operation_outputs" (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    function_name TEXT NOT NULL DEFAULT '',
    output TEXT,
    error TEXT,
    child_workflow_id TEXT,
    started_at_epoch_ms INTEGER,
    completed_at_epoch_ms INTEGER,
    serialization TEXT,
    application_name TEXT DEFAULT NULL,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    PRIMARY KEY (workflow_uuid, function_id)
);
INSERT INTO "operation_outputs" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736',1,'do','null',NULL,NULL,1795568892306,1795568892560,'portable_json','patchclamp',1795568892000);
CREATE TABLE patchclamp_defaults (
	family VARCHAR(40) NOT NULL, 
	model_id VARCHAR(80) NOT NULL, 
	PRIMARY KEY (family)
);
INSERT INTO "patchclamp_defaults" VALUES('memory-lstm','memory-lstm-caebe58723');
CREATE TABLE patchclamp_jobs (
	id VARCHAR(36) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	request JSON NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	finished_at BIGINT, 
	progress JSON NOT NULL, 
	state BLOB, 
	starts INTEGER NOT NULL, 
	result BLOB, 
	problem JSON, 
	PRIMARY KEY (id)
);
INSERT INTO "patchclamp_jobs" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','lstm.train','{"hidden_size": 1, "seq_len_min": 5, "seq_len_max": 20, "n_repeat": 3, "batch_size": 16, "learning_rate": 0.01, "forget_bias": null, "loss_on": "all", "curriculum": false, "target_loss": 0.0001, "max_steps": 20000, "networks": 1, "max_seconds": null, "seed": 1, "name": "my memory", "keep": "best"}','ff318e869a8a8ef12e2876f65d6651eb28a2978f2353129287572c542eb8e125',1795568891947992,1795568892309004,1795568892560018,'{"step": 3000, "total": 20000, "fraction": 1.0, "eta_seconds": 0.0, "metrics": {"loss": 9.2030772489281e-05, "chance_loss": 0.03254236275134108, "solved": 1}}',NULL,1,X'7B226D6F64656C223A7B226964223A226D656D6F72792D6C73746D2D63616562653538373233222C2266616D696C79223A226D656D6F72792D6C73746D222C22736861323536223A2239373637656330366266653835616666393161633735303765623432653933636262643134623034316431623462623030356535386233626134666237356433227D2C227374657073223A333030302C227461726765745F72656163686564223A747275652C2262657374223A302C226E6574776F726B73223A5B7B2273656564223A312C226C6F7373223A302E3030303039323033303737323438393238312C22736F6C7665645F6174223A333030302C2266616D696C79223A22636C6F736564222C22686F72697A6F6E5F6D73223A37302C226D6F64656C223A226D656D6F72792D6C73746D2D63616562653538373233227D5D2C22686973746F7279223A5B7B2273746570223A3530302C226C6F73736573223A5B302E3032383635303033333335353533343335345D2C226368616E63655F6C6F7373223A302E30333235343233363237353133343130382C226368616E63655F6C6F73736573223A5B302E30333235343233363237353133343130385D7D2C7B2273746570223A313030302C226C6F73736573223A5B302E303031333834323736323338393836333738355D2C226368616E63655F6C6F7373223A302E30333235343233363237353133343130382C226368616E63655F6C6F73736573223A5B302E30333235343233363237353133343130385D7D2C7B2273746570223A313530302C226C6F73736573223A5B302E303030333534303237393138333338303236365D2C226368616E63655F6C6F7373223A302E30333235343233363237353133343130382C226368616E63655F6C6F73736573223A5B302E30333235343233363237353133343130385D7D2C7B2273746570223A323030302C226C6F73736573223A5B302E303030313931353930313437343934323831345D2C226368616E63655F6C6F7373223A302E30333235343233363237353133343130382C226368616E63655F6C6F73736573223A5B302E30333235343233363237353133343130385D7D2C7B2273746570223A323530302C226C6F73736573223A5B302E30303031323236363136393934353231333339345D2C226368616E63655F6C6F7373223A302E30333235343233363237353133343130382C226368616E63655F6C6F73736573223A5B302E30333235343233363237353133343130385D7D2C7B2273746570223A333030302C226C6F73736573223A5B302E3030303039323033303737323438393238315D2C226368616E63655F6C6F7373223A302E30333235343233363237353133343130382C226368616E63655F6C6F73736573223A5B302E30333235343233363237353133343130385D7D5D2C226368616E63655F6C6F7373223A302E30333235343233363237353133343130382C2276657264696374223A2231206F662031206E6574776F726B206D65742074686520746172676574206C6F73732028302E30303031292E222C2273656564223A312C227461726765745F6C6F7373223A302E303030317D',NULL);
INSERT INTO "patchclamp_jobs" VALUES('5689052e-337c-588a-b528-8017b67676a6','cnn.tune','{"model": "digit-net", "layer": "y", "unit": 3, "units": null, "direction": "excite", "method": "ascent", "starts": 2, "steps": 5, "learning_rate": null, "penalty": null, "robustness": 0.0, "smoothness": 0.0, "diversity": 0.0, "early_stop": null, "max_seconds": null, "seed": 1}','bbd78601dd7e6814639eb610b654a2c9b5aba1aaaa7e975f4841677750975de2',1795568895577986,NULL,NULL,'{"step": 0, "total": null, "fraction": 0.0, "eta_seconds": null, "metrics": {}}',NULL,0,NULL,NULL);
CREATE TABLE patchclamp_models (
	id VARCHAR(80) NOT NULL, 
	family VARCHAR(40) NOT NULL, 
	job_id VARCHAR(36) NOT NULL, 
	made_at BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	card JSON NOT NULL, 
	weights BLOB NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "patchclamp_models" VALUES('memory-lstm-caebe58723','memory-lstm','41c929dc-d000-51a5-95b1-1fcf8a66b736',1795568892557001,'9767ec06bfe85aff91ac7507eb42e93cbbd14b041d1b4bb005e58b3ba4fb75d3','{"name": "my memory", "family": "memory-lstm", "architecture": {"hidden_size": 1}, "training": {"seed": 1, "hidden_size": 1, "seq_len_min": 5, "seq_len_max": 20, "n_repeat": 3, "batch_size": 16, "learning_rate": 0.01, "target_loss": 0.0001, "max_steps": 20000, "networks": 1, "forget_bias": null, "loss_on": "all", "curriculum": false, "max_seconds": null}, "seed": 1, "data": "the memorize-and-report task, drawn anew at every step", "scores": {"seed": 1, "loss": 9.2030772489281e-05, "solved_at": 3000, "family": "closed", "horizon_ms": 70}, "sha256": "9767ec06bfe85aff91ac7507eb42e93cbbd14b041d1b4bb005e58b3ba4fb75d3", "job": "41c929dc-d000-51a5-95b1-1fcf8a66b736"}',X'98010000000000007B22626961735F68685F6C30223A7B226474797065223A22463332222C227368617065223A5B345D2C22646174615F6F666673657473223A5B302C31365D7D2C22626961735F69685F6C30223A7B226474797065223A22463332222C227368617065223A5B345D2C22646174615F6F666673657473223A5B31362C33325D7D2C22726561646F75742E62696173223A7B226474797065223A22463332222C227368617065223A5B315D2C22646174615F6F666673657473223A5B33322C33365D7D2C22726561646F75742E776569676874223A7B226474797065223A22463332222C227368617065223A5B312C315D2C22646174615F6F666673657473223A5B33362C34305D7D2C227765696768745F68685F6C30223A7B226474797065223A22463332222C227368617065223A5B342C315D2C22646174615F6F666673657473223A5B34302C35365D7D2C227765696768745F69685F6C30223A7B226474797065223A22463332222C227368617065223A5B342C335D2C22646174615F6F666673657473223A5B35362C3130345D7D7D202020202020207CEE34C0F57A17401CE6F8BE889938C038D213C0CFE03D40323F0E3FE81309C0E55689B942233FC05B22673F1414083F9F51C4BE14C2F2BA2A1D943BDFCAE840CCA1A1BFC3543E3BBE0C1AC18DB516409791FABE98348CBD524D41BD9EC888BB8772F5BF9258D740');
CREATE TABLE patchclamp_workers (
	id VARCHAR(200) NOT NULL, 
	beat VARCHAR(32) NOT NULL, 
	beaten_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE queues (
    queue_id TEXT PRIMARY KEY DEFAULT (hex(randomblob(16))),
    name TEXT NOT NULL UNIQUE,
    concurrency INTEGER,
    worker_concurrency INTEGER,
    rate_limit_max INTEGER,
    rate_limit_period_sec REAL,
    priority_enabled BOOLEAN NOT NULL DEFAULT FALSE,
    partition_queue BOOLEAN NOT NULL DEFAULT FALSE,
    polling_interval_sec REAL NOT NULL DEFAULT 1.0,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL, "partition_concurrency" INTEGER DEFAULT NULL, "partition_worker_concurrency" INTEGER DEFAULT NULL, "partition_rate_limit_max" INTEGER DEFAULT NULL, "partition_rate_limit_period_sec" REAL DEFAULT NULL);
INSERT INTO "queues" VALUES('8896A9F07BDC4559294F2421CB4C87E2','jobs',NULL,1,NULL,NULL,1,0,0.1,1795568891000,1795568891132,'patchclamp',NULL,NULL,NULL,NULL);
CREATE TABLE streams (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    "offset" INTEGER NOT NULL, function_id INTEGER NOT NULL DEFAULT 0, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key, "offset"),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
INSERT INTO "streams" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','events','{"event":"progress","data":{"step":500,"total":20000,"fraction":0.025,"eta_seconds":1.1,"metrics":{"loss":0.028650033355534354,"chance_loss":0.03254236275134108,"solved":0}}}',0,1,'portable_json');
INSERT INTO "streams" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','events','{"event":"progress","data":{"step":1000,"total":20000,"fraction":0.05,"eta_seconds":0.9,"metrics":{"loss":0.0013842762389863785,"chance_loss":0.03254236275134108,"solved":0}}}',1,1,'portable_json');
INSERT INTO "streams" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','events','{"event":"progress","data":{"step":1500,"total":20000,"fraction":0.075,"eta_seconds":0.8,"metrics":{"loss":0.0003540279183380266,"chance_loss":0.03254236275134108,"solved":0}}}',2,1,'portable_json');
INSERT INTO "streams" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','events','{"event":"progress","data":{"step":2000,"total":20000,"fraction":0.1,"eta_seconds":0.7,"metrics":{"loss":0.0001915901474942814,"chance_loss":0.03254236275134108,"solved":0}}}',3,1,'portable_json');
INSERT INTO "streams" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','events','{"event":"progress","data":{"step":2500,"total":20000,"fraction":0.125,"eta_seconds":0.6,"metrics":{"loss":0.00012266169945213394,"chance_loss":0.03254236275134108,"solved":0}}}',4,1,'portable_json');
INSERT INTO "streams" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','events','{"event":"progress","data":{"step":3000,"total":20000,"fraction":0.15,"eta_seconds":0.6,"metrics":{"loss":9.2030772489281e-05,"chance_loss":0.03254236275134108,"solved":1}}}',5,1,'portable_json');
INSERT INTO "streams" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','events','{"event":"progress","data":{"step":3000,"total":20000,"fraction":1.0,"eta_seconds":0.0,"metrics":{"loss":9.2030772489281e-05,"chance_loss":0.03254236275134108,"solved":1}}}',6,1,'portable_json');
CREATE TABLE workflow_events (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events_history (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, function_id, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid)
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_input (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    inputs TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_input" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','{"namedArgs":{},"positionalArgs":["41c929dc-d000-51a5-95b1-1fcf8a66b736"]}',1795568891000);
INSERT INTO "workflow_input" VALUES('5689052e-337c-588a-b528-8017b67676a6','{"namedArgs":{},"positionalArgs":["5689052e-337c-588a-b528-8017b67676a6"]}',1795568895000);
CREATE TABLE workflow_output (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    output TEXT,
    error TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_output" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','null',NULL,1795568892000);
CREATE TABLE workflow_schedules (
    schedule_id TEXT PRIMARY KEY,
    schedule_name TEXT NOT NULL UNIQUE,
    workflow_name TEXT NOT NULL,
    workflow_class_name TEXT,
    schedule TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'ACTIVE',
    context TEXT NOT NULL
, "last_fired_at" TEXT DEFAULT NULL, "automatic_backfill" BOOLEAN NOT NULL DEFAULT FALSE, "cron_timezone" TEXT DEFAULT NULL, "queue_name" TEXT DEFAULT NULL, "application_name" TEXT DEFAULT NULL);
CREATE TABLE workflow_status (
    workflow_uuid TEXT PRIMARY KEY,
    status TEXT,
    name TEXT,
    authenticated_user TEXT,
    assumed_role TEXT,
    authenticated_roles TEXT,
    request TEXT,
    output TEXT,
    error TEXT,
    executor_id TEXT,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    application_version TEXT,
    application_id TEXT,
    class_name TEXT DEFAULT NULL,
    config_name TEXT DEFAULT NULL,
    recovery_attempts INTEGER DEFAULT 0,
    queue_name TEXT,
    workflow_timeout_ms INTEGER,
    workflow_deadline_epoch_ms INTEGER,
    inputs TEXT,
    started_at_epoch_ms INTEGER,
    deduplication_id TEXT,
    priority INTEGER NOT NULL DEFAULT 0
, queue_partition_key TEXT, forked_from TEXT, "owner_xid" TEXT DEFAULT NULL, "parent_workflow_id" TEXT DEFAULT NULL, "serialization" TEXT DEFAULT NULL, "delay_until_epoch_ms" BIGINT DEFAULT NULL, "was_forked_from" BOOLEAN NOT NULL DEFAULT FALSE, "rate_limited" BOOLEAN NOT NULL DEFAULT FALSE, "completed_at" BIGINT, "attributes" TEXT, "schedule_name" TEXT, "debounce_deadline_epoch_ms" BIGINT DEFAULT NULL, "is_debounced" BOOLEAN NOT NULL DEFAULT FALSE, "application_name" TEXT DEFAULT NULL, "creator_xid" TEXT DEFAULT NULL);
INSERT INTO "workflow_status" VALUES('41c929dc-d000-51a5-95b1-1fcf8a66b736','SUCCESS','job','anonymous',NULL,NULL,NULL,NULL,NULL,'ad007831c79b-1',1795568891000,1795568892000,'1',NULL,NULL,NULL,1,'jobs',NULL,NULL,NULL,1795568892000,NULL,0,NULL,NULL,NULL,NULL,'portable_json',NULL,0,0,1795568892000,'null',NULL,NULL,0,'patchclamp','505467d2-5a51-4f5e-968a-a59800f28ff2');
INSERT INTO "workflow_status" VALUES('5689052e-337c-588a-b528-8017b67676a6','ENQUEUED','job','anonymous',NULL,NULL,NULL,NULL,NULL,NULL,1795568895000,1795568895000,'1',NULL,NULL,NULL,0,'jobs',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,'portable_json',NULL,0,0,NULL,'null',NULL,NULL,0,'patchclamp','0786e8af-45ac-4c9b-b5b1-246c38e13109');
CREATE INDEX workflow_status_created_at_index ON workflow_status (created_at);
CREATE INDEX idx_workflow_topic ON notifications (destination_uuid, topic);
CREATE INDEX "idx_workflow_status_delayed" ON "workflow_status" ("delay_until_epoch_ms") WHERE status = 'DELAYED';
CREATE INDEX "idx_workflow_status_forked_from" ON "workflow_status" ("forked_from") WHERE "forked_from" IS NOT NULL;
CREATE INDEX "idx_workflow_status_parent_workflow_id" ON "workflow_status" ("parent_workflow_id") WHERE "parent_workflow_id" IS NOT NULL;
CREATE UNIQUE INDEX "uq_workflow_status_dedup_id" ON "workflow_status" ("queue_name", "deduplication_id") WHERE "deduplication_id" IS NOT NULL;
CREATE INDEX "idx_workflow_status_pending" ON "workflow_status" ("created_at") WHERE "status" = 'PENDING';
CREATE INDEX "idx_workflow_status_failed" ON "workflow_status" ("status", "created_at") WHERE "status" IN ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
CREATE INDEX "idx_workflow_status_rate_limited" ON "workflow_status" ("queue_name", "started_at_epoch_ms") WHERE "rate_limited" = TRUE;
CREATE INDEX "idx_workflow_status_completed_at" ON "workflow_status" ("completed_at") WHERE "completed_at" IS NOT NULL;
CREATE INDEX "idx_workflow_status_started_at" ON "workflow_status" ("started_at_epoch_ms") WHERE "started_at_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_workflow_status_schedule_name" ON "workflow_status" ("schedule_name") WHERE "schedule_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_owner_version"
    ON application_versions ("application_name", "version_name")
    WHERE "application_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_unclaimed_version"
    ON application_versions ("version_name")
    WHERE "application_name" IS NULL;
CREATE INDEX idx_workflow_input_retention
    ON workflow_input (retention_timestamp);
CREATE INDEX idx_workflow_output_retention
    ON workflow_output (retention_timestamp);
CREATE INDEX idx_operation_outputs_retention
    ON operation_outputs (retention_timestamp);
CREATE INDEX "idx_workflow_status_in_flight_v2" ON "workflow_status" ("queue_name", "status", "priority", "created_at", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING');
CREATE INDEX "idx_workflow_status_partition_dequeue_v3" ON "workflow_status" ("queue_name", "status", "queue_partition_key", "priority", "created_at", "workflow_uuid", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING') AND "queue_partition_key" IS NOT NULL;
CREATE INDEX "idx_operation_outputs_completed_at_function_name_v2" ON "operation_outputs" ("completed_at_epoch_ms", "function_name", "application_name");
CREATE INDEX "idx_workflow_status_deadline" ON "workflow_status" ("workflow_deadline_epoch_ms") WHERE "status" IN ('ENQUEUED', 'PENDING', 'DELAYED') AND "workflow_deadline_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_application_versions_timestamp" ON "application_versions" ("version_timestamp" DESC);
CREATE INDEX "idx_application_versions_owner_timestamp" ON "application_versions" ("application_name", "version_timestamp" DESC);
CREATE INDEX ix_patchclamp_jobs_created_at ON patchclamp_jobs (created_at);
CREATE INDEX ix_patchclamp_models_job_id ON patchclamp_models (job_id);
COMMIT;
