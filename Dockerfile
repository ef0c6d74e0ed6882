FROM python:3.12-slim

# Address of an index with CPU builds of torch; without it Linux gets the CUDA build, several gigabytes larger.
ARG TORCH_INDEX=""

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY models models
COPY service service
COPY artifacts artifacts
RUN pip install --constraint requirements.lock ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch==2.13.0 \
 && pip install --constraint requirements.lock ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} .

RUN useradd --create-home patchclamp && mkdir /data && chown patchclamp /data
USER patchclamp
VOLUME /data

ENV PATCHCLAMP_DATA=/data PATCHCLAMP_ARTIFACTS=/app/artifacts PATCHCLAMP_HOST=0.0.0.0 NUMBA_CACHE_DIR=/data/kernels
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]

ENTRYPOINT ["patchclamp"]
CMD ["serve"]
