-- Logins that may do no more than each service needs. A superuser runs this once, before `valerix migrate`; to run it again
-- does no harm. The databases are there already (databases.sql).
--
--   psql --set=ON_ERROR_STOP=1 --file=deploy/postgres/roles.sql --dbname=postgres
--
-- The logins have no passwords yet: `alter role … password …`, or lines in pg_hba.conf. Then, as valerix_owner:
--
--   valerix migrate
--   psql --set=ON_ERROR_STOP=1 --file=deploy/postgres/grants-orders.sql --dbname=orders
--   psql --set=ON_ERROR_STOP=1 --file=deploy/postgres/grants-inventory.sql --dbname=inventory
--
-- The last three again after each upgrade: a new table belongs to its owner alone until it is granted.

do $$
declare
    login text;
begin
    foreach login in array array[
        'valerix_owner',            -- valerix migrate; valerix reconcile and simulate check
        'valerix_order_service',    -- valerix order-api
        'valerix_relay',            -- valerix relay
        'valerix_inventory',        -- valerix inventory-api
        'valerix_reader'            -- Grafana, and whoever only looks
    ] loop
        if not exists (select from pg_roles where rolname = login) then
            execute format('create role %I login', login);
        end if;
    end loop;
end
$$;

alter database orders owner to valerix_owner;
alter database inventory owner to valerix_owner;

revoke connect, temporary on database orders, inventory from public;
grant connect on database orders to valerix_order_service, valerix_relay, valerix_reader;
grant connect on database inventory to valerix_inventory, valerix_reader;
