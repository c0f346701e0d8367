// config.yml and aileron.yml of a node that belongs to the pretended Panel: everything below one directory, ports of its
// own on the loopback address, so that it runs beside the node of `npm start`.
import { join } from 'node:path';
import type { PanelStandIn } from './panel-stand-in.ts';

export interface NodePorts {
  api: number;
  kube: number;
  ops: number;
  sftp: number;
}

export const usualPorts: NodePorts = { api: 8090, kube: 8453, ops: 9474, sftp: 2032 };

export interface NodeFiles {
  config: string;
  own: string;
}

/** `user`: whose the servers' files are. */
export function nodeFiles(panel: PanelStandIn, directory: string, user: string, ports: NodePorts): NodeFiles {
  const below = (path: string) => JSON.stringify(join(directory, path));
  const config = `# Written by npm run panel, each time.
app_name: Aileron
uuid: 1f0b6c1e-8c0b-4b6f-9d5b-1c0a4d5e6f70
token_id: ${panel.node.tokenId}
token: "${panel.node.token}"
api:
  host: 127.0.0.1
  port: ${ports.api}
system:
  root_directory: ${below('node')}
  log_directory: ${below('log')}
  data: ${below('volumes')}
  archive_directory: ${below('archives')}
  backup_directory: ${below('backups')}
  tmp_directory: ${below('tmp')}
  username: ${user}
  user:
    passwd:
      enable: true
      directory: ${below('etc')}
  machine_id:
    enable: true
    directory: ${below('machine-id')}
  sftp:
    bind_address: 127.0.0.1
    bind_port: ${ports.sftp}
  enable_log_rotate: false
allowed_mounts: []
remote: ${JSON.stringify(panel.url)}
`;
  const own = `# Written by npm run panel, each time.
flavour: ${panel.state.flavour}
nodeName: panel-node
kube:
  host: 127.0.0.1
  port: ${ports.kube}
ops:
  host: 127.0.0.1
  port: ${ports.ops}
store:
  path: ${below('state/store.db')}
`;
  return { config, own };
}
