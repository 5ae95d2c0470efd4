-- The orders database: why each table is shaped as it is.
--
-- One transaction writes order + idempotency key + saga + first step + outbox message, so that an
-- acknowledged order can never lack the message that will finish it (protocol.md sections 2 and 5).
-- The happy path touches no secondary index: `sagas` is updated in place (HOT) because nothing that
-- changes on it is indexed; `listed_state` stays null there and is set only off the happy path.

create table orders (
    id          uuid        primary key,              -- UUIDv7: the primary key is also "newest first"
    tenant      text        not null,
    key         text        not null,                 -- so that its idempotency key can be removed with it
    lines       jsonb       not null,                 -- [{"item_id": "ps5", "quantity": 2}, …]
    metadata    jsonb,
    traceparent text,                                 -- W3C trace context of the request that made it
    created_at  timestamptz not null default now(),
    constraint orders_tenant_bounded check (length(tenant) between 1 and 100),
    constraint orders_have_lines check (jsonb_typeof(lines) = 'array' and jsonb_array_length(lines) between 1 and 100)
);

-- A key belongs to its tenant. The unique key, not a check before the insert, decides who was first.
create table idempotency_keys (
    tenant      text        not null,
    key         text        not null,
    fingerprint bytea       not null,                 -- SHA-256 of the canonical request
    order_id    uuid        not null,
    created_at  timestamptz not null default now(),
    primary key (tenant, key),
    constraint idempotency_keys_key_bounded check (length(key) between 1 and 255),
    constraint idempotency_keys_fingerprint_is_sha256 check (length(fingerprint) = 32)
);

create table sagas (
    order_id       uuid        primary key,
    state          text        not null,
    step           smallint    not null default 0,    -- index into the plan
    attempt        integer     not null default 0,    -- calls executed, or in doubt, for this step
    crashes        smallint    not null default 0,    -- claims in a row that ended without an outcome
    in_doubt       boolean     not null default false,
    reason         text,                              -- why queued, failed or parked
    cause          text,                              -- while releasing or parked: what the release is for
    reservation_id uuid        not null,
    version        integer     not null default 1,    -- = seq of the newest step row
    epoch          bigint      not null default 0,    -- fencing token: grows with every claim and staff action
    deadline_at    timestamptz not null,
    listed_state   text,                              -- = state off the happy path, null on it (keeps updates HOT)
    updated_at     timestamptz not null default now(),
    constraint sagas_counters_not_negative check (
        version >= 1 and epoch >= 0 and attempt >= 0 and crashes >= 0 and step >= 0),
    constraint sagas_listed_state_matches check (listed_state is null or listed_state = state),
    constraint sagas_final_are_certain check (
        not in_doubt or state not in ('confirmed', 'failed', 'cancelled', 'pending')),
    constraint sagas_queued_have_a_reason check (state <> 'queued' or reason is not null)
) with (fillfactor = 40);

create index sagas_listed on sagas (listed_state, order_id) where listed_state is not null;

-- What people look for. None of these columns changes on the happy path, so its updates stay HOT.
create index sagas_reasons on sagas ((coalesce(reason, cause)), order_id) include (listed_state, reason, cause)
    where listed_state is not null;
create index sagas_in_doubt on sagas (in_doubt, order_id) where in_doubt;

-- Append-only journal. `event` and `detail` are the saga event itself: replaying them through
-- `saga::transition` gives the stored saga (invariant I6).
create table saga_steps (
    order_id uuid        not null,
    seq      integer     not null,
    phase    text        not null,                    -- created | intent | outcome | mark
    event    text        not null,
    detail   jsonb,                                   -- the event's fields, where they are not the usual ones
    state    text        not null,                    -- after the event
    reason   text,                                    -- after the event
    step     smallint    not null default 0,
    attempt  integer     not null default 0,
    epoch    bigint      not null,
    worker   bigint,                                  -- relays.id; null: a request or staff
    took_ms  integer,                                 -- outcome rows: how long the call took
    at       timestamptz not null default clock_timestamp(),
    primary key (order_id, seq),
    constraint saga_steps_seq_from_one check (seq >= 1),
    constraint saga_steps_phase_known check (phase in ('created', 'intent', 'outcome', 'mark'))
);

-- The work list: one message per saga that has an automatic step left, deleted with the step that
-- makes it needless. Claimed by `skip locked`, never read by a cursor. It also says who holds the saga
-- and when it is due, so that the wide saga row is written only when the saga moves.
create table outbox (
    order_id   uuid        primary key,               -- UUIDv7: oldest first
    owner      bigint,                                -- relays.id of the claimer
    run_at     timestamptz,                           -- null: due at once
    created_at timestamptz not null default now(),
    constraint outbox_waits_without_owner check (owner is null or run_at is null)
) with (fillfactor = 50);

create index outbox_waiting on outbox (run_at) where run_at is not null;

-- Members. A relay whose heartbeat is stale has lost its sagas to whoever claims them next.
create table relays (
    id           bigint      generated always as identity primary key,
    name         text        not null,                -- host/pid, for people
    url          text,                                -- where its health and metrics are
    started_at   timestamptz not null default now(),
    heartbeat_at timestamptz not null default now()
);

-- Who put what right. What truly came of it is read from the journal, after `version`.
create table staff_actions (
    id         uuid        primary key,               -- UUIDv7: the primary key is also "newest first"
    order_id   uuid,                                  -- null: not about one order
    actor      text        not null,
    kind       text        not null,                  -- retry | cancel | resolve | note | bulk | breaker | reconcile
    reason     text        not null,
    evidence   text,
    bulk_id    uuid,
    before     jsonb,
    after      jsonb,
    version    integer,                               -- the saga's, after the action
    result     text        not null,                  -- applied | refused
    detail     text,
    at         timestamptz not null default now(),
    constraint staff_actions_texts_bounded check (
        length(actor) between 1 and 100 and length(reason) between 1 and 1000 and length(evidence) <= 4000),
    constraint staff_actions_result_known check (result in ('applied', 'refused'))
);

create index staff_actions_order on staff_actions (order_id, id) where order_id is not null;

-- One action on many sagas: the selection is frozen when it is made, and worked off at a pace.
create table bulk_actions (
    id          uuid        primary key,
    actor       text        not null,
    kind        text        not null,                 -- retry | cancel | note
    reason      text        not null,
    filter      jsonb       not null,                 -- as it was asked for
    as_of       timestamptz not null,                 -- what was seen
    total       integer     not null,
    next_at     timestamptz not null default now(),   -- when the next few may be done
    created_at  timestamptz not null default now(),
    finished_at timestamptz,
    constraint bulk_actions_kind_known check (kind in ('retry', 'cancel', 'note'))
);

create index bulk_actions_running on bulk_actions (next_at) where finished_at is null;

create table bulk_items (
    bulk_id   uuid    not null,
    n         integer not null,                       -- dense from 1
    order_id  uuid    not null,
    version   integer not null,                       -- as it was selected: a saga that has moved is left alone
    result    text,                                   -- applied | refused | moved | missing; null: still to do
    detail    text,
    action_id uuid,
    done_at   timestamptz,
    primary key (bulk_id, n)
);

create index bulk_items_open on bulk_items (bulk_id, n) where result is null;

-- What staff wants of a breaker. Relays read it with their heartbeat, so that the order reaches all of them
-- and outlives every restart.
create table breaker_orders (
    name      text        primary key,
    number    bigint      not null,                   -- grows: a relay carries each order out once
    isolated  boolean     not null,
    actor     text        not null,
    reason    text        not null,
    at        timestamptz not null default now()
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
