export { sajuRecordsMigration } from './saju-records.js';
