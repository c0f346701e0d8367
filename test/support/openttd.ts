// What a player's client asks an OpenTTD server: whether it is there (UDP), and how its game is (TCP).
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const patienceMs = 2_000;

/** Packets begin with their length in two bytes, little endian, and their type. */
const findServer = Buffer.from([3, 0, 0]);
const serverResponse = Buffer.from([3, 0, 1]);
const askGameInfo = Buffer.from([3, 0, 7]);
const gameInfoType = 6;

/** Whether the server says that it is there. */
export function findsServer(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (found: boolean) => {
      clearTimeout(timer);
      socket.close();
      resolve(found);
    };
    const timer = setTimeout(() => end(false), patienceMs);
    socket.once('message', (answer) => end(answer.equals(serverResponse)));
    socket.once('error', () => end(false));
    socket.send(findServer, port, host);
  });
}

/** What the list of servers in the game would show, name and version among it. `undefined`: no answer. */
export function gameInfo(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const socket = connect({ host, port });
    const end = (info: string | undefined) => {
      socket.destroy();
      resolve(info);
    };
    socket.setTimeout(patienceMs, () => end(undefined));
    socket.once('connect', () => socket.write(askGameInfo));
    socket.once('error', () => end(undefined));
    socket.once('close', () => end(undefined));
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      const packet = Buffer.concat(pieces);
      if (packet.length < 3 || packet.length < packet.readUInt16LE(0)) return;
      end(packet[2] === gameInfoType ? packet.subarray(3).toString('latin1') : undefined);
    });
  });
}
