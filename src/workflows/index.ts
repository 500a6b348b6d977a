export { auditRecord } from './audit-record.js';
export { cubeDeployment } from './cubes/cube-deployment.js';
export { emergencyRollback } from './cubes/emergency-rollback.js';
export { itemMigration } from './migration/item.js';
export { itemsMigration } from './migration/items.js';
export { rowsMigration } from './migration/rows.js';
export { outsideRequest } from './outside-request.js';
export { trafficRamp } from './traffic/traffic-ramp.js';
