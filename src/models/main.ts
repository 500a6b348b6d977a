import { serveRequests } from '../processes/serve-requests.js';
import type { ModelAnswer, ModelRequest } from './messages.js';
import { Sessions } from './sessions.js';

/** Entry point of a model process: the child of a program that has models computed. */
const sessions = new Sessions();
serveRequests<ModelRequest, ModelAnswer>((request) => sessions.answer(request));
