// The configuration of a node that belongs to the pretended Panel, in the two parts that a real one has: what the Panel
// answers to `aileron configure`, and the settings of our own beside it. Everything lies below one directory and listens
// on the loopback address, so that it runs beside the node of `npm start`.
import { join } from 'node:path';
import type { PanelStandIn } from './panel-stand-in.ts';

export interface NodePorts {
  api: number;
  kube: number;
  ops: number;
  sftp: number;
}

export const usualPorts: NodePorts = { api: 8090, kube: 8453, ops: 9474, sftp: 2032 };

export interface NodePlace {
  directory: string;
  /** Whose the servers' files are. */
  user: string;
  ports: NodePorts;
}

/** A real Panel says nothing of directories but `data`: these keep a trial out of /var. */
export function nodeDocument(panel: PanelStandIn, { directory, user, ports }: NodePlace): object {
  const below = (path: string) => join(directory, path);
  return {
    debug: false,
    app_name: 'Aileron',
    uuid: '1f0b6c1e-8c0b-4b6f-9d5b-1c0a4d5e6f70',
    token_id: panel.node.tokenId,
    token: panel.node.token,
    api: { host: '127.0.0.1', port: ports.api, upload_limit: 256 },
    system: {
      root_directory: below('node'),
      log_directory: below('log'),
      data: below('volumes'),
      archive_directory: below('archives'),
      backup_directory: below('backups'),
      tmp_directory: below('tmp'),
      username: user,
      user: { passwd: { enable: true, directory: below('etc') } },
      machine_id: { enable: true, directory: below('machine-id') },
      sftp: { bind_address: '127.0.0.1', bind_port: ports.sftp },
      enable_log_rotate: false,
    },
    allowed_mounts: [],
    remote: panel.url,
  };
}

export function ownSettings({ state }: PanelStandIn, { directory, ports }: NodePlace): string {
  return `# Written by npm run panel, each time.
flavour: ${state.flavour}
nodeName: panel-node
kube:
  host: 127.0.0.1
  port: ${ports.kube}
ops:
  host: 127.0.0.1
  port: ${ports.ops}
store:
  path: ${JSON.stringify(join(directory, 'state/store.db'))}
`;
}
