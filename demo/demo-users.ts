import pg from 'pg';
import type { DemoUser } from './steady-users.js';

const usersWanted = 300;

/** Some hundred users of legacy, each with a record whose hour pillar is known and none that a planted fault gives. */
export async function findUsers(legacyUrl: string): Promise<readonly DemoUser[]> {
  const client = new pg.Client({ connectionString: legacyUrl, application_name: 'cubeshift demo' });
  await client.connect();
  try {
    const found = await client.query<DemoUser>(
      `select distinct on (user_id) user_id as "userId", id::text as "recordId", hour_pillar as "hourPillar"
         from (select * from saju_records order by id limit 5000) as first
        where user_id ~ '^[A-Za-z0-9_-]+$' and hour_pillar is not null and hour_pillar <> '갑자'
        order by user_id, id limit $1`,
      [usersWanted],
    );
    return found.rows;
  } finally {
    await client.end();
  }
}
