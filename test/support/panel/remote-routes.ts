// The remote API of either Panel, answer by answer, with their order of checks: Pelican looks the server up before it looks
// at the token, Pterodactyl asks whose a server is only for backups.
import type { PanelBackup, PanelNode, PanelServer, PanelState } from './panel-state.ts';

export interface RemoteRequest {
  method: string;
  /** Below `/api/remote`. */
  path: string;
  query: URLSearchParams;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed; null when there was none. */
  body: unknown;
}

export interface RemoteAnswer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Thrown anywhere below; becomes the answer. */
class Refusal extends Error {
  readonly answer: RemoteAnswer;
  constructor(answer: RemoteAnswer) {
    super('refused');
    this.answer = answer;
  }
}

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const containerStates =
  'created starting running restarting exited paused dead removing stopping offline missing'.split(' ');

/** Failed logins of one server id, so that the sixth is throttled. */
type Throttle = Map<string, number>;

export function answerRemote(state: PanelState, request: RemoteRequest, throttle: Throttle): RemoteAnswer {
  try {
    return route(state, request, throttle);
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

function route(state: PanelState, request: RemoteRequest, throttle: Throttle): RemoteAnswer {
  const { method, path } = request;
  const [first = '', id = '', ...rest] = path.split('/').filter((part) => part !== '');
  const hasId = (first === 'servers' && id !== 'reset') || first === 'backups';
  const action = `${method} /${[first, id && hasId ? ':id' : id, ...rest].filter(Boolean).join('/')}`;
  // Pelican binds the model of the route before its middleware.
  const early = state.flavour === 'pelican' && first === 'servers' && id !== '' && id !== 'reset';
  if (early) findServer(state, id);
  const node = authenticate(state, request);
  switch (action) {
    case 'GET /servers':
      return listServers(state, node, request);
    case 'POST /servers/reset':
      state.reset(node);
      return { status: 204 };
    case 'GET /servers/:id':
      return { status: 200, body: state.recordOf(serverOf(state, node, id)) };
    case 'GET /servers/:id/install':
      return { status: 200, body: serverOf(state, node, id).install };
    case 'POST /servers/:id/install': {
      const server = serverOf(state, node, id);
      const body = fieldsOf(request.body);
      require(body, ['successful']);
      state.installed(server, { successful: truthy(body['successful']), reinstall: truthy(body['reinstall']) });
      return { status: 204 };
    }
    case 'POST /servers/:id/container/status':
      return containerStatus(state, serverOf(state, node, id), request);
    case 'POST /servers/:id/transfer/success':
    case 'POST /servers/:id/transfer/failure':
      return transfer(state, node, id, rest[1] === 'success');
    case 'GET /backups/:id':
      return uploadParts(backupOf(state, node, id), request);
    case 'POST /backups/:id':
      return backupResult(state, backupOf(state, node, id), request);
    case 'POST /backups/:id/restore':
      return restoreResult(state, node, id, request);
    case 'POST /activity':
      return activity(state, node, request);
    case 'POST /sftp/auth':
      return sftpAuth(state, node, request, throttle);
    default:
      throw failure(404, 'NotFoundHttpException', `The route api/remote${path} could not be found.`);
  }
}

function authenticate(state: PanelState, { headers }: RemoteRequest): PanelNode {
  const given = String(headers['authorization'] ?? '');
  const token = /^Bearer (.*)$/.exec(given)?.[1];
  if (token === undefined) {
    const refusal = failure(401, 'HttpException', 'Access to this endpoint must include an Authorization header.');
    throw new Refusal({ ...refusal.answer, headers: { 'WWW-Authenticate': 'Bearer' } });
  }
  const [id, secret, ...more] = token.split('.');
  if (!id || !secret || more.length > 0)
    throw failure(400, 'BadRequestHttpException', 'The Authorization header provided was not in a valid format.');
  const node = state.nodes.find(({ tokenId }) => tokenId === id);
  const noAccess = 'You are not authorized to access this resource.';
  if (!node)
    throw state.flavour === 'pelican'
      ? failure(404, 'NotFoundHttpException', 'The requested resource could not be found on the server.')
      : failure(403, 'AccessDeniedHttpException', noAccess);
  if (node.token !== secret) throw failure(403, 'AccessDeniedHttpException', noAccess);
  return node;
}

/** By full or short id. */
function findServer(state: PanelState, id: string): PanelServer {
  const server = [...state.servers.values()].find(({ uuid }) => uuid === id || uuid.slice(0, 8) === id);
  if (!server) throw failure(404, 'NotFoundHttpException', 'The requested resource could not be found on the server.');
  return server;
}

function serverOf(state: PanelState, node: PanelNode, id: string): PanelServer {
  const server = findServer(state, id);
  const isTheirs = server.nodeId === node.id || server.transferTo === node.id;
  if (state.flavour === 'pelican' && !isTheirs) throw foreign();
  return server;
}

function foreign(): Refusal {
  return failure(403, 'HttpForbiddenException', 'Requesting node does not have permission to access this server.');
}

function backupOf(state: PanelState, node: PanelNode, id: string): PanelBackup {
  const backup = state.backups.get(id);
  if (!backup?.committed)
    throw failure(404, 'NotFoundHttpException', 'The requested resource could not be found on the server.');
  if (state.servers.get(backup.server)?.nodeId !== node.id) throw foreign();
  return backup;
}

function listServers(state: PanelState, node: PanelNode, { query }: RemoteRequest): RemoteAnswer {
  const perPage = Math.max(1, Number(query.get('per_page') ?? 50));
  const page = Math.max(1, Number(query.get('page') ?? 1));
  const servers = state.serversOf(node);
  const from = (page - 1) * perPage;
  const shown = servers.slice(from, from + perPage);
  const data = shown.map((server) => {
    const record = state.recordOf(server);
    return server.raw === undefined ? { uuid: server.uuid, ...(record as object) } : record;
  });
  const last = Math.max(1, Math.ceil(servers.length / perPage));
  const meta = {
    current_page: page,
    from: shown.length > 0 ? from + 1 : null,
    last_page: last,
    path: 'http://panel/api/remote/servers',
    per_page: perPage,
    to: shown.length > 0 ? from + shown.length : null,
    total: servers.length,
    links: [],
  };
  const links = { first: '?page=1', last: `?page=${last}`, prev: null, next: page < last ? `?page=${page + 1}` : null };
  return { status: 200, body: { data, links, meta } };
}

function containerStatus(state: PanelState, server: PanelServer, { body }: RemoteRequest): RemoteAnswer {
  if (state.flavour !== 'pelican') throw failure(404, 'NotFoundHttpException', 'The route could not be found.');
  const data = fieldsOf(fieldsOf(body)['data']);
  require(data, ['previous_state', 'new_state'], 'data.');
  const next = String(data['new_state']);
  server.containerStatus = containerStates.includes(next) ? next : 'missing';
  return { status: 200, body: [] };
}

function transfer(state: PanelState, node: PanelNode, id: string, successful: boolean): RemoteAnswer {
  const server = findServer(state, id);
  const { transferTo } = server;
  if (transferTo === undefined) throw failure(409, 'ConflictHttpException', 'Server is not being transferred.');
  if (successful) {
    if (state.flavour === 'pelican' && node.id !== transferTo) throw foreign();
    server.nodeId = transferTo;
  }
  delete server.transferTo;
  return { status: 204 };
}

function uploadParts({ adapter, completedAt, uuid }: PanelBackup, { query }: RemoteRequest): RemoteAnswer {
  const size = Number(query.get('size') ?? 0);
  if (!(size > 0))
    throw failure(400, 'BadRequestHttpException', 'A non-empty "size" query parameter must be provided.');
  if (completedAt !== null) throw failure(409, 'ConflictHttpException', 'This backup is already in a completed state.');
  if (adapter !== 's3')
    throw failure(400, 'BadRequestHttpException', 'The configured backup adapter is not an S3 compatible adapter.');
  const partSize = 128 * 1_048_576;
  const count = Math.ceil(size / partSize);
  const parts = Array.from({ length: count }, (_, index) => `http://bucket/${uuid}?partNumber=${index + 1}`);
  return { status: 200, body: { parts, part_size: partSize, max_concurrent_uploads: 10 } };
}

function backupResult(state: PanelState, backup: PanelBackup, { body }: RemoteRequest): RemoteAnswer {
  const report = fieldsOf(body);
  require(report, ['successful']);
  const successful = truthy(report['successful']);
  if (successful) require(report, ['checksum', 'checksum_type', 'size'], '', 'required_if');
  if (backup.isSuccessful)
    throw failure(
      400,
      'BadRequestHttpException',
      'Cannot update the status of a backup that is already marked as completed.',
    );
  backup.isSuccessful = successful;
  backup.isLocked = successful ? backup.isLocked : false;
  backup.checksum = successful ? `${report['checksum_type']}:${report['checksum']}` : null;
  backup.bytes = successful ? Number(report['size']) : 0;
  backup.completedAt = Date.now();
  state.notices.push(`backup ${backup.uuid} ${successful}`);
  return { status: 204 };
}

function restoreResult(state: PanelState, node: PanelNode, id: string, { body }: RemoteRequest): RemoteAnswer {
  const backup = state.backups.get(id);
  const server = state.servers.get(backup?.server ?? '');
  if (!backup || !server)
    throw failure(404, 'NotFoundHttpException', 'The requested resource could not be found on the server.');
  if (state.flavour === 'pelican' && server.nodeId !== node.id) throw foreign();
  server.status = null;
  state.notices.push(`restore ${id} ${truthy(fieldsOf(body)['successful'])}`);
  return { status: 204 };
}

/** One bad entry refuses all of them. */
function activity(state: PanelState, node: PanelNode, { body }: RemoteRequest): RemoteAnswer {
  const { data } = fieldsOf(body);
  if (!Array.isArray(data)) throw invalid(['data'], 'required');
  const bad = data.flatMap((one, index) => badFieldsOf(fieldsOf(one)).map((field) => `data.${index}.${field}`));
  if (bad.length > 0) throw invalid(bad, 'invalid');
  for (const one of data) {
    const entry = fieldsOf(one);
    const server = state.servers.get(String(entry['server']));
    if (server?.nodeId !== node.id || !String(entry['event']).startsWith('server:')) continue;
    state.activity.push(entry);
  }
  return { status: 200 };
}

function badFieldsOf({ user, server, event, metadata, ip, timestamp }: Record<string, unknown>): string[] {
  const isIp = (text: unknown) =>
    typeof text === 'string' && /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$/i.test(text);
  return [
    ...(user === null || user === undefined || (typeof user === 'string' && uuidForm.test(user)) ? [] : ['user']),
    ...(typeof server === 'string' && uuidForm.test(server) ? [] : ['server']),
    ...(typeof event === 'string' ? [] : ['event']),
    ...(metadata === undefined || (metadata !== null && typeof metadata !== 'object') ? ['metadata'] : []),
    ...(ip === null || ip === undefined || isIp(ip) ? [] : ['ip']),
    ...(typeof timestamp === 'string' ? [] : ['timestamp']),
  ];
}

function sftpAuth(state: PanelState, node: PanelNode, { body }: RemoteRequest, throttle: Throttle): RemoteAnswer {
  const { type, username, password } = fieldsOf(body) as Record<string, string>;
  const login = state.flavour === 'pelican' ? (username ?? '').trim().toLowerCase() : (username ?? '');
  const dot = login.lastIndexOf('.');
  const [name, short] = [login.slice(0, dot), login.slice(dot + 1)];
  if (dot < 0 || short === '')
    throw failure(400, 'BadRequestHttpException', 'No valid server identifier was included.');
  if ((throttle.get(short) ?? 0) >= 5) {
    const { answer } = failure(429, 'TooManyRequestsHttpException', 'Too many login attempts for this account.');
    throw new Refusal({ ...answer, headers: { 'Retry-After': '60' } });
  }
  const user = state.users.find((one) => one.name === name);
  const knows =
    type === 'public_key'
      ? (user?.keys?.includes((password ?? '').trim()) ?? false)
      : user?.password !== undefined && user.password === password;
  if (!user || !knows) {
    // A key that is not registered is no attempt.
    if (type !== 'public_key') throttle.set(short, (throttle.get(short) ?? 0) + 1);
    throw failure(403, 'HttpForbiddenException', 'Authorization credentials were not correct, please try again.');
  }
  const server = findServer(state, short);
  if (server.nodeId !== node.id) throw failure(404, 'NotFoundHttpException', 'The server is not on this node.');
  const permissions = user.permissions[server.uuid] ?? [];
  if (!permissions.includes('*') && !permissions.includes('file.sftp'))
    throw failure(403, 'HttpForbiddenException', 'You do not have permission to access SFTP for this server.');
  if (server.status !== null || server.transferTo !== undefined)
    throw failure(409, 'ServerStateConflictException', 'This server is currently in an unsupported state.');
  // PHP keeps the numbers of a list with holes.
  const list = state.flavour === 'pelican' ? Object.fromEntries(permissions.entries()) : permissions;
  return { status: 200, body: { user: user.uuid, server: server.uuid, permissions: list } };
}

function require(fields: Record<string, unknown>, names: string[], prefix = '', rule = 'required'): void {
  const missing = names.filter((name) => fields[name] === undefined || fields[name] === null || fields[name] === '');
  if (missing.length > 0)
    throw invalid(
      missing.map((name) => `${prefix}${name}`),
      rule,
    );
}

function invalid(fields: string[], rule: string): Refusal {
  const errors = fields.map((field) => ({
    code: 'ValidationException',
    status: '422',
    detail: `The ${field} field is wrong.`,
    meta: { source_field: field, rule },
  }));
  return new Refusal({ status: 422, body: { errors } });
}

function failure(status: number, code: string, detail: string): Refusal {
  return new Refusal({ status, body: { errors: [{ code, status: String(status), detail }] } });
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function truthy(value: unknown): boolean {
  return value === true || value === 1 || value === '1' || value === 'true';
}
