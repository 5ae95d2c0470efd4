# One small image with the one binary; what it runs is its argument: `valerix order-api`, `inventory-api`, `relay`, `migrate`.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /valerix
# First the dependencies alone, behind empty crates of our own: this layer lasts until a manifest or the lock changes.
COPY Cargo.toml Cargo.lock ./
COPY saga/Cargo.toml saga/
COPY relay-core/Cargo.toml relay-core/
COPY failpoints/Cargo.toml failpoints/
COPY group-commit/Cargo.toml group-commit/
COPY in-process/Cargo.toml in-process/
COPY schema/pg/Cargo.toml schema/pg/
COPY schema/embedded/Cargo.toml schema/embedded/
COPY schema/orders/Cargo.toml schema/orders/
COPY schema/inventory/Cargo.toml schema/inventory/
COPY edge/Cargo.toml edge/
COPY order-api/Cargo.toml order-api/
COPY inventory-api/Cargo.toml inventory-api/
COPY outbox-relay/Cargo.toml outbox-relay/
COPY timeline/Cargo.toml timeline/
COPY simulations/checker/Cargo.toml simulations/checker/
COPY simulations/tidy/Cargo.toml simulations/tidy/
COPY simulations/trials/Cargo.toml simulations/trials/
COPY simulations/worlds/Cargo.toml simulations/worlds/
COPY valerix/Cargo.toml valerix/
RUN for manifest in ./*/Cargo.toml ./schema/*/Cargo.toml ./simulations/*/Cargo.toml; do \
        mkdir -p "${manifest%Cargo.toml}src" && touch "${manifest%Cargo.toml}src/lib.rs"; \
    done \
    && echo 'fn main() {}' > valerix/src/main.rs \
    && rm valerix/src/lib.rs \
    && cargo build --locked --release \
    && rm -rf ./*/src ./schema/*/src ./simulations/*/src
COPY . .
# The sources may be older than the empty crates that were just built.
RUN find . -name '*.rs' -not -path './target/*' -exec touch {} + \
    && SQLX_OFFLINE=true cargo build --locked --release
# Two thirds of the file are line tables, which only a backtrace reads.
RUN strip --strip-debug target/release/valerix

FROM debian:bookworm-slim
# The CAs that a database with sslmode=verify-full is checked against.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin valerix
COPY --from=build /valerix/target/release/valerix /usr/local/bin/valerix
USER 10001
ENTRYPOINT ["valerix"]
CMD ["--help"]
