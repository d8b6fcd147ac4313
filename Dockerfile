# syntax=docker/dockerfile:1
FROM rust:1.95-slim-bookworm AS build
# The allocator is built with make.
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The caches keep what is downloaded and compiled from one build to the next; they are no part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin tailcast && cp target/release/tailcast /tailcast

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 7440 --no-create-home tailcast \
    && install -d -o tailcast -m 0700 /var/lib/tailcast
COPY --from=build /tailcast /usr/local/bin/tailcast
USER tailcast
VOLUME /var/lib/tailcast
ENV TAILCAST_DATA=/var/lib/tailcast TAILCAST_LISTEN=0.0.0.0:7440 TAILCAST_INTERNAL=0.0.0.0:7441
EXPOSE 7440 7441
# Ready as the node itself sees it: not while it drains or misses its store.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/7440 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["tailcast"]
CMD ["serve"]
