export { auditRecord } from './audit-record.js';
export { cubeDeployment } from './cube-deployment.js';
export { emergencyRollback } from './emergency-rollback.js';
export { outsideRequest } from './outside-request.js';
export { sajuRecordsMigration } from './saju-records.js';
export { trafficRamp } from './traffic-ramp.js';
