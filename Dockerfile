# Two stages: the first installs and compiles, the second only runs.
# Older syntax on purpose (no heredoc, no COPY --link), so that Docker, Podman and Buildah all build it.

FROM python:3.11-slim AS build
WORKDIR /src
RUN python3 -m venv /opt/kindred
ENV PATH=/opt/kindred/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# What is installed changes more seldom than the code, so it has a layer of its own.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir learners streams service \
    && python -m pip install -c constraints.txt '.[arrow]'
COPY learners learners
COPY streams streams
COPY service service
RUN python -m pip install --no-deps --force-reinstall .
# Every compiled loop is compiled here, once, for the CPU name that learners/__init__.py fixes:
# a container starts with machine code, and the same code on every machine.
ENV NUMBA_CACHE_DIR=/opt/numba
RUN kindred warm

FROM python:3.11-slim
COPY --from=build /opt/kindred /opt/kindred
# The owner is a number, as orchestrators that forbid root want it. numba wants to write where it
# reads; where the file system is read-only, its cache falls back to the volume.
COPY --from=build --chown=10001:10001 /opt/numba /opt/numba
RUN mkdir /data && chown 10001:10001 /data
ENV PATH=/opt/kindred/bin:$PATH \
    NUMBA_CACHE_DIR=/opt/numba \
    XDG_CACHE_HOME=/data/.cache \
    PYTHONDONTWRITEBYTECODE=1 \
    KINDRED_DATA_DIR=/data \
    KINDRED_HOST=0.0.0.0 \
    KINDRED_PORT=8000
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["kindred", "health"]
ENTRYPOINT ["kindred"]
CMD ["serve"]
