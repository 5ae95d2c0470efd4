//! Whether the server compiles what a session runs (`jit`), which costs hundreds of milliseconds at each execution.

use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::{admin, stock_server_url};

/// Says so when the stock server does not compile at all: then a test that nothing is compiled proves nothing. Debian's
/// packages have what it takes (`llvmjit.so`), builds for embedding mostly have not.
pub async fn warn_unless_stock_server_compiles() {
    let mut admin = admin(stock_server_url).await;
    let asked = "select current_setting('jit')::boolean and pg_jit_available()";
    let compiles: bool = admin.fetch_one(asked).await.expect("the test server answers").get(0);
    if !compiles {
        eprintln!("PROVES NOTHING HERE: this PostgreSQL has no jit (Debian's postgresql-15 has)");
    }
}

/// The statements that this session has prepared and that the server compiles each time it runs them. Their plans are
/// looked at, not their time; nothing is executed.
pub async fn compiled_statements(connection: &mut PgConnection) -> Vec<String> {
    let prepared = "select name, statement, cardinality(parameter_types)
                    from pg_prepared_statements
                    where statement !~ 'pg_prepared_statements'
                    order by prepare_time";
    let prepared = sqlx::query(prepared).fetch_all(&mut *connection).await.expect("it is listed");
    assert!(!prepared.is_empty(), "this session has prepared nothing");
    let mut compiled = Vec::new();
    for row in prepared {
        let (name, statement): (String, String) = (row.get(0), row.get(1));
        let parameters = vec!["null"; row.get::<i32, _>(2) as usize].join(", ");
        let list = if parameters.is_empty() { String::new() } else { format!("({parameters})") };
        let explain = format!("explain (format json) execute {name}{list}");
        let plan = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(&mut *connection).await;
        let plan: serde_json::Value = plan.expect("it has a plan").get(0);
        if let Some(jit) = plan[0].get("JIT") {
            compiled.push(format!("{} functions: {statement}", jit["Functions"]));
        }
    }
    compiled
}
