SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA dbos;
CREATE FUNCTION dbos.enqueue_workflow(workflow_name text, queue_name text, positional_args json[] DEFAULT ARRAY[]::json[], named_args json DEFAULT '{}'::json, class_name text DEFAULT NULL::text, config_name text DEFAULT NULL::text, workflow_id text DEFAULT NULL::text, app_version text DEFAULT NULL::text, timeout_ms bigint DEFAULT NULL::bigint, deadline_epoch_ms bigint DEFAULT NULL::bigint, deduplication_id text DEFAULT NULL::text, priority integer DEFAULT NULL::integer, queue_partition_key text DEFAULT NULL::text, authenticated_user text DEFAULT NULL::text, authenticated_roles text DEFAULT NULL::text, delay_until_epoch_ms bigint DEFAULT NULL::bigint, application_name text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_workflow_id TEXT;
    v_serialized_inputs TEXT;
    v_owner_xid TEXT;
    v_now BIGINT;
    v_recovery_attempts INT4 := 0;
    v_priority INT4;
    v_status TEXT;
BEGIN
    -- Validate required parameters
    IF workflow_name IS NULL OR workflow_name = '' THEN
        RAISE EXCEPTION 'Workflow name cannot be null or empty';
    END IF;
    IF queue_name IS NULL OR queue_name = '' THEN
        RAISE EXCEPTION 'Queue name cannot be null or empty';
    END IF;
    IF named_args IS NOT NULL AND jsonb_typeof(named_args::jsonb) != 'object' THEN
        RAISE EXCEPTION 'Named args must be a JSON object';
    END IF;
    IF workflow_id IS NOT NULL AND workflow_id = '' THEN
        RAISE EXCEPTION 'Workflow ID cannot be an empty string if provided.';
    END IF;
    IF delay_until_epoch_ms IS NOT NULL AND delay_until_epoch_ms < 0 THEN
        RAISE EXCEPTION 'delay_until_epoch_ms must be >= 0';
    END IF;
    v_workflow_id := COALESCE(workflow_id, gen_random_uuid()::TEXT);
    v_owner_xid := gen_random_uuid()::TEXT;
    v_priority := COALESCE(priority, 0);
    v_serialized_inputs := json_build_object(
        'positionalArgs', positional_args,
        'namedArgs', named_args
    )::TEXT;
    v_now := EXTRACT(epoch FROM now()) * 1000;
    v_status := CASE WHEN delay_until_epoch_ms IS NULL THEN 'ENQUEUED' ELSE 'DELAYED' END;
    INSERT INTO "dbos".workflow_status (
        workflow_uuid, status,
        name, class_name, config_name,
        queue_name, deduplication_id, priority, queue_partition_key,
        application_version,
        created_at, updated_at, recovery_attempts,
        workflow_timeout_ms, workflow_deadline_epoch_ms,
        parent_workflow_id, owner_xid, serialization,
        authenticated_user, authenticated_roles,
        delay_until_epoch_ms, application_name
    ) VALUES (
        v_workflow_id, v_status,
        workflow_name, class_name, config_name,
        queue_name, deduplication_id, v_priority, queue_partition_key,
        app_version,
        v_now, v_now, v_recovery_attempts,
        timeout_ms, deadline_epoch_ms,
        NULL, v_owner_xid, 'portable_json',
        authenticated_user, authenticated_roles,
        delay_until_epoch_ms, application_name
    )
    ON CONFLICT (workflow_uuid)
    DO UPDATE SET
        updated_at = EXCLUDED.updated_at;
    INSERT INTO "dbos".workflow_input (
        workflow_uuid, inputs, retention_timestamp
    ) VALUES (
        v_workflow_id, v_serialized_inputs, v_now
    )
    ON CONFLICT (workflow_uuid) DO NOTHING;
    RETURN v_workflow_id;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'DBOS queue duplicated'
            USING DETAIL = format('Workflow %s with queue %s and deduplication ID %s already exists', v_workflow_id, queue_name, deduplication_id),
                ERRCODE = 'unique_violation';
END;
$$;
CREATE FUNCTION dbos.notifications_function() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    payload text := NEW.destination_uuid || '::' || NEW.topic;
BEGIN
    PERFORM pg_notify('dbos_notifications_channel', payload);
    RETURN NEW;
END;
$$;
CREATE FUNCTION dbos.send_message(destination_id text, message json, topic text DEFAULT NULL::text, message_id text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_topic TEXT := COALESCE(topic, '__null__topic__');
    v_message_id TEXT := COALESCE(message_id, gen_random_uuid()::TEXT);
BEGIN
    INSERT INTO "dbos".notifications (
        destination_uuid, topic, message, message_uuid, serialization
    ) VALUES (
        destination_id, v_topic, message, v_message_id, 'portable_json'
    )
    ON CONFLICT (message_uuid) DO NOTHING;
EXCEPTION
    WHEN foreign_key_violation THEN
        RAISE EXCEPTION 'DBOS non-existent workflow'
            USING DETAIL = format('Destination workflow %s does not exist', destination_id),
                ERRCODE = 'foreign_key_violation';
END;
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE dbos.application_versions (
    version_id text NOT NULL,
    version_name text NOT NULL,
    version_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_name text
);
CREATE TABLE dbos.dbos_migrations (
    version bigint NOT NULL
);
CREATE TABLE dbos.event_dispatch_kv (
    service_name text NOT NULL,
    workflow_fn_name text NOT NULL,
    key text NOT NULL,
    value text,
    update_seq numeric(38,0),
    update_time numeric(38,15)
);
CREATE TABLE dbos.notifications (
    message_uuid text DEFAULT gen_random_uuid() NOT NULL,
    destination_uuid text NOT NULL,
    topic text,
    message text NOT NULL,
    created_at_epoch_ms bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    serialization text,
    consumed boolean DEFAULT false NOT NULL,
    consumed_by_function_id integer
);
CREATE TABLE dbos.operation_outputs (
    workflow_uuid text NOT NULL,
    function_id integer NOT NULL,
    function_name text DEFAULT ''::text NOT NULL,
    output text,
    error text,
    child_workflow_id text,
    started_at_epoch_ms bigint,
    completed_at_epoch_ms bigint,
    serialization text,
    application_name text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);
CREATE TABLE dbos.queues (
    queue_id text DEFAULT (gen_random_uuid())::text NOT NULL,
    name text NOT NULL,
    concurrency integer,
    worker_concurrency integer,
    rate_limit_max integer,
    rate_limit_period_sec double precision,
    priority_enabled boolean DEFAULT false NOT NULL,
    partition_queue boolean DEFAULT false NOT NULL,
    polling_interval_sec double precision DEFAULT 1.0 NOT NULL,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    updated_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_name text,
    partition_concurrency integer,
    partition_worker_concurrency integer,
    partition_rate_limit_max integer,
    partition_rate_limit_period_sec double precision
);
CREATE TABLE dbos.streams (
    workflow_uuid text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    "offset" integer NOT NULL,
    function_id integer DEFAULT 0 NOT NULL,
    serialization text
);
CREATE TABLE dbos.workflow_events (
    workflow_uuid text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    serialization text
);
CREATE TABLE dbos.workflow_events_history (
    workflow_uuid text NOT NULL,
    function_id integer NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    serialization text
);
CREATE TABLE dbos.workflow_input (
    workflow_uuid text NOT NULL,
    inputs text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);
CREATE TABLE dbos.workflow_output (
    workflow_uuid text NOT NULL,
    output text,
    error text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);
CREATE TABLE dbos.workflow_schedules (
    schedule_id text NOT NULL,
    schedule_name text NOT NULL,
    workflow_name text NOT NULL,
    workflow_class_name text,
    schedule text NOT NULL,
    status text DEFAULT 'ACTIVE'::text NOT NULL,
    context text NOT NULL,
    last_fired_at text,
    automatic_backfill boolean DEFAULT false NOT NULL,
    cron_timezone text,
    queue_name text,
    application_name text
);
CREATE TABLE dbos.workflow_status (
    workflow_uuid text NOT NULL,
    status text,
    name text,
    authenticated_user text,
    assumed_role text,
    authenticated_roles text,
    request text,
    output text,
    error text,
    executor_id text,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    updated_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_version text,
    application_id text,
    class_name character varying(255) DEFAULT NULL::character varying,
    config_name character varying(255) DEFAULT NULL::character varying,
    recovery_attempts bigint DEFAULT 0,
    queue_name text,
    workflow_timeout_ms bigint,
    workflow_deadline_epoch_ms bigint,
    inputs text,
    started_at_epoch_ms bigint,
    deduplication_id text,
    priority integer DEFAULT 0 NOT NULL,
    queue_partition_key text,
    forked_from text,
    owner_xid text,
    parent_workflow_id text,
    serialization text,
    delay_until_epoch_ms bigint,
    was_forked_from boolean DEFAULT false NOT NULL,
    rate_limited boolean DEFAULT false NOT NULL,
    completed_at bigint,
    attributes jsonb,
    schedule_name text,
    debounce_deadline_epoch_ms bigint,
    is_debounced boolean DEFAULT false NOT NULL,
    application_name text,
    creator_xid text
);
CREATE TABLE public.patchclamp_defaults (
    family character varying(40) NOT NULL,
    model_id character varying(80) NOT NULL
);
CREATE TABLE public.patchclamp_jobs (
    id character varying(36) NOT NULL,
    kind character varying(40) NOT NULL,
    request json NOT NULL,
    fingerprint character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    started_at bigint,
    finished_at bigint,
    progress json NOT NULL,
    state bytea,
    starts integer NOT NULL,
    result bytea,
    problem json
);
COMMENT ON COLUMN public.patchclamp_jobs.fingerprint IS 'SHA-256 of kind and body, for Idempotency-Key';
COMMENT ON COLUMN public.patchclamp_jobs.started_at IS 'when it first began';
COMMENT ON COLUMN public.patchclamp_jobs.state IS 'where the work goes on after a restart (safetensors)';
COMMENT ON COLUMN public.patchclamp_jobs.starts IS 'beginnings since the last saved state';
COMMENT ON COLUMN public.patchclamp_jobs.result IS 'JSON';
COMMENT ON COLUMN public.patchclamp_jobs.problem IS 'RFC 9457, of a job that failed';
CREATE TABLE public.patchclamp_models (
    id character varying(80) NOT NULL,
    family character varying(40) NOT NULL,
    job_id character varying(36) NOT NULL,
    made_at bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    card json NOT NULL,
    weights bytea NOT NULL
);
COMMENT ON COLUMN public.patchclamp_models.weights IS 'safetensors';
CREATE TABLE public.patchclamp_workers (
    id character varying(200) NOT NULL,
    beat character varying(32) NOT NULL,
    beaten_at bigint NOT NULL
);
COMMENT ON COLUMN public.patchclamp_workers.beat IS 'another random word each time';
INSERT INTO dbos.application_versions VALUES ('737a09ca-2717-4ea7-8362-4ddcbc4433a3', '1', 1795568901611, 1795568901611, 'patchclamp');
INSERT INTO dbos.dbos_migrations VALUES (125);
INSERT INTO dbos.operation_outputs VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 1, 'do', 'null', NULL, NULL, 1795568902949, 1795568903284, 'portable_json', 'patchclamp', 1795568903286);
INSERT INTO dbos.queues VALUES ('087bd138-7c08-4b54-8d15-7c8cc3d4fcf4', 'jobs', NULL, 1, NULL, NULL, true, false, 0.1, 1795568901632, 1795568901627, 'patchclamp', NULL, NULL, NULL, NULL);
INSERT INTO dbos.streams VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'events', '{"event":"progress","data":{"step":500,"total":20000,"fraction":0.025,"eta_seconds":1.5,"metrics":{"loss":0.028650033355534354,"chance_loss":0.03254236275134108,"solved":0}}}', 0, 1, 'portable_json');
INSERT INTO dbos.streams VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'events', '{"event":"progress","data":{"step":1000,"total":20000,"fraction":0.05,"eta_seconds":1.7,"metrics":{"loss":0.0013842762389863785,"chance_loss":0.03254236275134108,"solved":0}}}', 1, 1, 'portable_json');
INSERT INTO dbos.streams VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'events', '{"event":"progress","data":{"step":1500,"total":20000,"fraction":0.075,"eta_seconds":1.5,"metrics":{"loss":0.0003540279183380266,"chance_loss":0.03254236275134108,"solved":0}}}', 2, 1, 'portable_json');
INSERT INTO dbos.streams VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'events', '{"event":"progress","data":{"step":2000,"total":20000,"fraction":0.1,"eta_seconds":1.2,"metrics":{"loss":0.0001915901474942814,"chance_loss":0.03254236275134108,"solved":0}}}', 3, 1, 'portable_json');
INSERT INTO dbos.streams VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'events', '{"event":"progress","data":{"step":2500,"total":20000,"fraction":0.125,"eta_seconds":1.0,"metrics":{"loss":0.00012266169945213394,"chance_loss":0.03254236275134108,"solved":0}}}', 4, 1, 'portable_json');
INSERT INTO dbos.streams VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'events', '{"event":"progress","data":{"step":3000,"total":20000,"fraction":0.15,"eta_seconds":0.9,"metrics":{"loss":9.2030772489281e-05,"chance_loss":0.03254236275134108,"solved":1}}}', 5, 1, 'portable_json');
INSERT INTO dbos.streams VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'events', '{"event":"progress","data":{"step":3000,"total":20000,"fraction":1.0,"eta_seconds":0.0,"metrics":{"loss":9.2030772489281e-05,"chance_loss":0.03254236275134108,"solved":1}}}', 6, 1, 'portable_json');
INSERT INTO dbos.workflow_input VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', '{"namedArgs":{},"positionalArgs":["41c929dc-d000-51a5-95b1-1fcf8a66b736"]}', 1795568902796);
INSERT INTO dbos.workflow_input VALUES ('5689052e-337c-588a-b528-8017b67676a6', '{"namedArgs":{},"positionalArgs":["5689052e-337c-588a-b528-8017b67676a6"]}', 1795568906430);
INSERT INTO dbos.workflow_output VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'null', NULL, 1795568903296);
INSERT INTO dbos.workflow_status VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'SUCCESS', 'job', 'anonymous', NULL, NULL, NULL, NULL, NULL, '54ad7f294e22-1', 1795568902796, 1795568903296, '1', NULL, NULL, NULL, 1, 'jobs', NULL, NULL, NULL, 1795568902926, NULL, 0, NULL, NULL, NULL, NULL, 'portable_json', NULL, false, false, 1795568903296, 'null', NULL, NULL, false, 'patchclamp', '47fae4e7-ec33-4534-aa27-954f49e646e0');
INSERT INTO dbos.workflow_status VALUES ('5689052e-337c-588a-b528-8017b67676a6', 'ENQUEUED', 'job', 'anonymous', NULL, NULL, NULL, NULL, NULL, NULL, 1795568906430, 1795568906430, '1', NULL, NULL, NULL, 0, 'jobs', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 'portable_json', NULL, false, false, NULL, 'null', NULL, NULL, false, 'patchclamp', 'bd843e0e-4ec9-4cad-b26f-f9fbb0ed6d37');
INSERT INTO public.patchclamp_defaults VALUES ('memory-lstm', 'memory-lstm-caebe58723');
INSERT INTO public.patchclamp_jobs VALUES ('41c929dc-d000-51a5-95b1-1fcf8a66b736', 'lstm.train', '{"hidden_size": 1, "seq_len_min": 5, "seq_len_max": 20, "n_repeat": 3, "batch_size": 16, "learning_rate": 0.01, "forget_bias": null, "loss_on": "all", "curriculum": false, "target_loss": 0.0001, "max_steps": 20000, "networks": 1, "max_seconds": null, "seed": 1, "name": "my memory", "keep": "best"}', 'ff318e869a8a8ef12e2876f65d6651eb28a2978f2353129287572c542eb8e125', 1795568902802664, 1795568902961484, 1795568903284001, '{"step": 3000, "total": 20000, "fraction": 1.0, "eta_seconds": 0.0, "metrics": {"loss": 9.2030772489281e-05, "chance_loss": 0.03254236275134108, "solved": 1}}', NULL, 1, '\x7b226d6f64656c223a7b226964223a226d656d6f72792d6c73746d2d63616562653538373233222c2266616d696c79223a226d656d6f72792d6c73746d222c22736861323536223a2239373637656330366266653835616666393161633735303765623432653933636262643134623034316431623462623030356535386233626134666237356433227d2c227374657073223a333030302c227461726765745f72656163686564223a747275652c2262657374223a302c226e6574776f726b73223a5b7b2273656564223a312c226c6f7373223a302e3030303039323033303737323438393238312c22736f6c7665645f6174223a333030302c2266616d696c79223a22636c6f736564222c22686f72697a6f6e5f6d73223a37302c226d6f64656c223a226d656d6f72792d6c73746d2d63616562653538373233227d5d2c22686973746f7279223a5b7b2273746570223a3530302c226c6f73736573223a5b302e3032383635303033333335353533343335345d2c226368616e63655f6c6f7373223a302e30333235343233363237353133343130382c226368616e63655f6c6f73736573223a5b302e30333235343233363237353133343130385d7d2c7b2273746570223a313030302c226c6f73736573223a5b302e303031333834323736323338393836333738355d2c226368616e63655f6c6f7373223a302e30333235343233363237353133343130382c226368616e63655f6c6f73736573223a5b302e30333235343233363237353133343130385d7d2c7b2273746570223a313530302c226c6f73736573223a5b302e303030333534303237393138333338303236365d2c226368616e63655f6c6f7373223a302e30333235343233363237353133343130382c226368616e63655f6c6f73736573223a5b302e30333235343233363237353133343130385d7d2c7b2273746570223a323030302c226c6f73736573223a5b302e303030313931353930313437343934323831345d2c226368616e63655f6c6f7373223a302e30333235343233363237353133343130382c226368616e63655f6c6f73736573223a5b302e30333235343233363237353133343130385d7d2c7b2273746570223a323530302c226c6f73736573223a5b302e30303031323236363136393934353231333339345d2c226368616e63655f6c6f7373223a302e30333235343233363237353133343130382c226368616e63655f6c6f73736573223a5b302e30333235343233363237353133343130385d7d2c7b2273746570223a333030302c226c6f73736573223a5b302e3030303039323033303737323438393238315d2c226368616e63655f6c6f7373223a302e30333235343233363237353133343130382c226368616e63655f6c6f73736573223a5b302e30333235343233363237353133343130385d7d5d2c226368616e63655f6c6f7373223a302e30333235343233363237353133343130382c2276657264696374223a2231206f662031206e6574776f726b206d65742074686520746172676574206c6f73732028302e30303031292e222c2273656564223a312c227461726765745f6c6f7373223a302e303030317d', NULL);
INSERT INTO public.patchclamp_jobs VALUES ('5689052e-337c-588a-b528-8017b67676a6', 'cnn.tune', '{"model": "digit-net", "layer": "y", "unit": 3, "units": null, "direction": "excite", "method": "ascent", "starts": 2, "steps": 5, "learning_rate": null, "penalty": null, "robustness": 0.0, "smoothness": 0.0, "diversity": 0.0, "early_stop": null, "max_seconds": null, "seed": 1}', 'bbd78601dd7e6814639eb610b654a2c9b5aba1aaaa7e975f4841677750975de2', 1795568906431242, NULL, NULL, '{"step": 0, "total": null, "fraction": 0.0, "eta_seconds": null, "metrics": {}}', NULL, 0, NULL, NULL);
INSERT INTO public.patchclamp_models VALUES ('memory-lstm-caebe58723', 'memory-lstm', '41c929dc-d000-51a5-95b1-1fcf8a66b736', 1795568903280780, '9767ec06bfe85aff91ac7507eb42e93cbbd14b041d1b4bb005e58b3ba4fb75d3', '{"name": "my memory", "family": "memory-lstm", "architecture": {"hidden_size": 1}, "training": {"seed": 1, "hidden_size": 1, "seq_len_min": 5, "seq_len_max": 20, "n_repeat": 3, "batch_size": 16, "learning_rate": 0.01, "target_loss": 0.0001, "max_steps": 20000, "networks": 1, "forget_bias": null, "loss_on": "all", "curriculum": false, "max_seconds": null}, "seed": 1, "data": "the memorize-and-report task, drawn anew at every step", "scores": {"seed": 1, "loss": 9.2030772489281e-05, "solved_at": 3000, "family": "closed", "horizon_ms": 70}, "sha256": "9767ec06bfe85aff91ac7507eb42e93cbbd14b041d1b4bb005e58b3ba4fb75d3", "job": "41c929dc-d000-51a5-95b1-1fcf8a66b736"}', '\x98010000000000007b22626961735f68685f6c30223a7b226474797065223a22463332222c227368617065223a5b345d2c22646174615f6f666673657473223a5b302c31365d7d2c22626961735f69685f6c30223a7b226474797065223a22463332222c227368617065223a5b345d2c22646174615f6f666673657473223a5b31362c33325d7d2c22726561646f75742e62696173223a7b226474797065223a22463332222c227368617065223a5b315d2c22646174615f6f666673657473223a5b33322c33365d7d2c22726561646f75742e776569676874223a7b226474797065223a22463332222c227368617065223a5b312c315d2c22646174615f6f666673657473223a5b33362c34305d7d2c227765696768745f68685f6c30223a7b226474797065223a22463332222c227368617065223a5b342c315d2c22646174615f6f666673657473223a5b34302c35365d7d2c227765696768745f69685f6c30223a7b226474797065223a22463332222c227368617065223a5b342c335d2c22646174615f6f666673657473223a5b35362c3130345d7d7d202020202020207cee34c0f57a17401ce6f8be889938c038d213c0cfe03d40323f0e3fe81309c0e55689b942233fc05b22673f1414083f9f51c4be14c2f2ba2a1d943bdfcae840cca1a1bfc3543e3bbe0c1ac18db516409791fabe98348cbd524d41bd9ec888bb8772f5bf9258d740');
ALTER TABLE ONLY dbos.application_versions
    ADD CONSTRAINT application_versions_pkey PRIMARY KEY (version_id);
ALTER TABLE ONLY dbos.application_versions
    ADD CONSTRAINT application_versions_version_name_key UNIQUE (version_name);
ALTER TABLE ONLY dbos.dbos_migrations
    ADD CONSTRAINT dbos_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY dbos.event_dispatch_kv
    ADD CONSTRAINT event_dispatch_kv_pkey PRIMARY KEY (service_name, workflow_fn_name, key);
ALTER TABLE ONLY dbos.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (message_uuid);
ALTER TABLE ONLY dbos.operation_outputs
    ADD CONSTRAINT operation_outputs_pkey PRIMARY KEY (workflow_uuid, function_id);
ALTER TABLE ONLY dbos.queues
    ADD CONSTRAINT queues_name_key UNIQUE (name);
ALTER TABLE ONLY dbos.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (queue_id);
ALTER TABLE ONLY dbos.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (workflow_uuid, key, "offset");
ALTER TABLE ONLY dbos.workflow_events_history
    ADD CONSTRAINT workflow_events_history_pkey PRIMARY KEY (workflow_uuid, function_id, key);
ALTER TABLE ONLY dbos.workflow_events
    ADD CONSTRAINT workflow_events_pkey PRIMARY KEY (workflow_uuid, key);
ALTER TABLE ONLY dbos.workflow_input
    ADD CONSTRAINT workflow_input_pkey PRIMARY KEY (workflow_uuid);
ALTER TABLE ONLY dbos.workflow_output
    ADD CONSTRAINT workflow_output_pkey PRIMARY KEY (workflow_uuid);
ALTER TABLE ONLY dbos.workflow_schedules
    ADD CONSTRAINT workflow_schedules_pkey PRIMARY KEY (schedule_id);
ALTER TABLE ONLY dbos.workflow_schedules
    ADD CONSTRAINT workflow_schedules_schedule_name_key UNIQUE (schedule_name);
ALTER TABLE ONLY dbos.workflow_status
    ADD CONSTRAINT workflow_status_pkey PRIMARY KEY (workflow_uuid);
ALTER TABLE ONLY public.patchclamp_defaults
    ADD CONSTRAINT patchclamp_defaults_pkey PRIMARY KEY (family);
ALTER TABLE ONLY public.patchclamp_jobs
    ADD CONSTRAINT patchclamp_jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.patchclamp_models
    ADD CONSTRAINT patchclamp_models_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.patchclamp_workers
    ADD CONSTRAINT patchclamp_workers_pkey PRIMARY KEY (id);
CREATE INDEX idx_application_versions_owner_timestamp ON dbos.application_versions USING btree (application_name, version_timestamp DESC);
CREATE INDEX idx_application_versions_timestamp ON dbos.application_versions USING btree (version_timestamp DESC);
CREATE INDEX idx_operation_outputs_completed_at_function_name_v2 ON dbos.operation_outputs USING btree (completed_at_epoch_ms, function_name) INCLUDE (application_name);
CREATE INDEX idx_operation_outputs_retention ON dbos.operation_outputs USING btree (retention_timestamp);
CREATE INDEX idx_workflow_input_retention ON dbos.workflow_input USING btree (retention_timestamp);
CREATE INDEX idx_workflow_output_retention ON dbos.workflow_output USING btree (retention_timestamp);
CREATE INDEX idx_workflow_status_attributes ON dbos.workflow_status USING gin (attributes) WHERE (attributes IS NOT NULL);
CREATE INDEX idx_workflow_status_completed_at ON dbos.workflow_status USING btree (completed_at) WHERE (completed_at IS NOT NULL);
CREATE INDEX idx_workflow_status_deadline ON dbos.workflow_status USING btree (workflow_deadline_epoch_ms) WHERE ((status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text, 'DELAYED'::text])) AND (workflow_deadline_epoch_ms IS NOT NULL));
CREATE INDEX idx_workflow_status_delayed ON dbos.workflow_status USING btree (delay_until_epoch_ms) WHERE (status = 'DELAYED'::text);
CREATE INDEX idx_workflow_status_failed ON dbos.workflow_status USING btree (status, created_at) WHERE (status = ANY (ARRAY['ERROR'::text, 'CANCELLED'::text, 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'::text]));
CREATE INDEX idx_workflow_status_forked_from ON dbos.workflow_status USING btree (forked_from) WHERE (forked_from IS NOT NULL);
CREATE INDEX idx_workflow_status_in_flight_v2 ON dbos.workflow_status USING btree (queue_name, status, priority, created_at) INCLUDE (application_name) WHERE (status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text]));
CREATE INDEX idx_workflow_status_parent_workflow_id ON dbos.workflow_status USING btree (parent_workflow_id) WHERE (parent_workflow_id IS NOT NULL);
CREATE INDEX idx_workflow_status_partition_dequeue_v3 ON dbos.workflow_status USING btree (queue_name, status, queue_partition_key, priority, created_at, workflow_uuid) INCLUDE (application_name) WHERE ((status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text])) AND (queue_partition_key IS NOT NULL));
CREATE INDEX idx_workflow_status_pending ON dbos.workflow_status USING btree (created_at) WHERE (status = 'PENDING'::text);
CREATE INDEX idx_workflow_status_rate_limited ON dbos.workflow_status USING btree (queue_name, started_at_epoch_ms) WHERE (rate_limited = true);
CREATE INDEX idx_workflow_status_schedule_name ON dbos.workflow_status USING btree (schedule_name) WHERE (schedule_name IS NOT NULL);
CREATE INDEX idx_workflow_status_started_at ON dbos.workflow_status USING btree (started_at_epoch_ms) WHERE (started_at_epoch_ms IS NOT NULL);
CREATE INDEX idx_workflow_topic ON dbos.notifications USING btree (destination_uuid, topic);
CREATE UNIQUE INDEX uq_application_versions_owner_version ON dbos.application_versions USING btree (application_name, version_name) WHERE (application_name IS NOT NULL);
CREATE UNIQUE INDEX uq_application_versions_unclaimed_version ON dbos.application_versions USING btree (version_name) WHERE (application_name IS NULL);
CREATE UNIQUE INDEX uq_workflow_status_dedup_id ON dbos.workflow_status USING btree (queue_name, deduplication_id) WHERE (deduplication_id IS NOT NULL);
CREATE INDEX workflow_status_created_at_index ON dbos.workflow_status USING btree (created_at);
CREATE INDEX ix_patchclamp_jobs_created_at ON public.patchclamp_jobs USING btree (created_at);
CREATE INDEX ix_patchclamp_models_job_id ON public.patchclamp_models USING btree (job_id);
CREATE TRIGGER dbos_notifications_trigger AFTER INSERT ON dbos.notifications FOR EACH ROW EXECUTE FUNCTION dbos.notifications_function();
ALTER TABLE ONLY dbos.notifications
    ADD CONSTRAINT notifications_destination_uuid_fkey FOREIGN KEY (destination_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY dbos.streams
    ADD CONSTRAINT streams_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY dbos.workflow_events_history
    ADD CONSTRAINT workflow_events_history_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY dbos.workflow_events
    ADD CONSTRAINT workflow_events_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;
