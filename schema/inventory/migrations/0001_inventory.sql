-- The inventory database: stock, and who holds how much of it, so that a reserve, a release and a
-- commit can be sent any number of times, in any order, and count once.
--
-- There are no foreign keys and no second indexes on the hot path: one batch writes all of these
-- rows in one transaction, and the audit (schema-inventory `audit`) proves what the keys would.

create table stock (
    item_id    text        primary key,
    item_name  text        not null,
    on_hand    bigint      not null,                  -- in the warehouse, reserved or not
    reserved   bigint      not null default 0,        -- promised to held reservations
    version    bigint      not null default 1,        -- grows with every change: the ETag
    updated_at timestamptz not null default now(),
    constraint stock_item_id_bounded check (length(item_id) between 1 and 100),
    constraint stock_item_name_bounded check (length(item_name) between 1 and 200),
    constraint stock_on_hand_not_negative check (on_hand >= 0),
    constraint stock_reserved_is_on_hand check (reserved between 0 and on_hand)
) with (fillfactor = 10);                             -- room for HOT updates: nothing that changes is indexed

-- One row per reservation id: it is the memory of what was answered. A `released` row is also the tombstone
-- that refuses a late reserve. What has ended goes when it is old; from then on `retention.removed_below`
-- is the tombstone of all of them. What is held stays for ever.
create table reservations (
    reservation_id uuid        primary key,
    order_id       uuid,                              -- null: a tombstone whose release named no order
    state          text        not null,
    max_epoch      bigint      not null,              -- the newest epoch that spoke: older ones are refused
    fingerprint    bytea,                             -- SHA-256 of order and lines; null as order_id
    outcome        jsonb,                             -- a rejection, to be answered again word for word
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    constraint reservations_state_known check (state in ('held', 'rejected', 'released', 'committed')),
    constraint reservations_epoch_not_negative check (max_epoch >= 0),
    constraint reservations_fingerprint_is_sha256 check (length(fingerprint) = 32),
    constraint reservations_only_tombstones_are_blank check (
        state = 'released' or (order_id is not null and fingerprint is not null)),
    constraint reservations_rejected_have_an_outcome check (state <> 'rejected' or outcome is not null)
) with (fillfactor = 80);

-- What a reservation took, one row per item. Rows stay when it is released or committed.
create table reservation_lines (
    reservation_id uuid    not null,
    item_id        text    not null,
    quantity       bigint  not null,
    primary key (reservation_id, item_id),
    constraint reservation_lines_quantity_positive check (quantity > 0)
);

-- The ledger, append-only: per item the deltas add up to the stock row.
create table inventory_transactions (
    item_id        text        not null,
    id             bigint      generated always as identity,
    reservation_id uuid,
    kind           text        not null,
    on_hand_delta  bigint      not null,
    reserved_delta bigint      not null,
    reason         text,
    at             timestamptz not null default now(),
    primary key (item_id, id),
    constraint inventory_transactions_kind_known check (
        kind in ('opening', 'adjustment', 'reserve', 'release', 'commit')),
    constraint inventory_transactions_reason_bounded check (length(reason) between 1 and 500)
);

-- Idempotency of stock updates: the answer is stored with the change it answers.
create table update_keys (
    key         text        primary key,
    fingerprint bytea       not null,                 -- SHA-256 of the canonical request
    item_id     text        not null,
    on_hand     bigint      not null,
    reserved    bigint      not null,
    version     bigint      not null,
    created_at  timestamptz not null default now(),
    constraint update_keys_key_bounded check (length(key) between 1 and 255),
    constraint update_keys_fingerprint_is_sha256 check (length(fingerprint) = 32)
);

-- The gremlin's orders, one row at most, read by every replica. `calls` is the counter that makes
-- "every n-th call" mean the same across replicas and restarts. The row stays when it is switched
-- off, and tells what was done.
create table gremlin (
    one        boolean     primary key default true,
    settings   jsonb       not null,
    calls      bigint      not null default 0,        -- calls it looked at since it was switched on
    delayed    bigint      not null default 0,        -- of these, answered late
    crashed    bigint      not null default 0,        -- refused before anything was done
    lost       bigint      not null default 0,        -- done, and the answer withheld
    version    bigint      not null default 1,        -- grows each time it is switched on
    began_at   timestamptz not null default now(),
    ends_at    timestamptz not null,                  -- it switches itself off
    constraint gremlin_is_one_row check (one),
    constraint gremlin_calls_not_negative check (calls >= 0)
);

-- Where the removal of what has been kept long enough stands (schema-pg `retention`): a walk by id, one small
-- batch at a time, by whoever holds the lock on this row. Ids below `removed_below` may have been removed.
create table retention (
    one           boolean     primary key default true,
    cursor        uuid        not null default '00000000-0000-0000-0000-000000000000',
    first_kept    uuid,                               -- of this round: where the next one begins
    removed_below uuid        not null default '00000000-0000-0000-0000-000000000000',
    next_at       timestamptz not null default now(),
    round_ends_at timestamptz not null default now() + interval '1 day',
    constraint retention_is_one_row check (one)
);

insert into retention default values;
