// What consoles are told of an installation, in the names of the wire. What the script prints is for those who may see
// installations alone: it may show what its variables hold.
import type { InstallMessage } from '../bus/bus.ts';
import type { Encode, Frame } from './frame.ts';

export const installPermission = 'admin.websocket.install';

const beginningText = 'Starting installation process, this could take a few minutes...';

export function installFrame(encode: Encode, message: InstallMessage): Frame {
  const frame = (event: string, text: string, gate: Partial<Frame> = {}): Frame => ({
    ...{ bytes: encode(event, [text]), delivery: 'keep', name: event },
    ...gate,
  });
  switch (message.step) {
    case 'started':
      return frame('install started', '');
    case 'running':
      return frame('daemon message', beginningText);
    case 'output':
      return frame('install output', message.text, { delivery: 'lines', permission: installPermission });
    case 'completed':
      return frame('install completed', '');
  }
}
