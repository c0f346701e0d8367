// The fake engine keeps the promises of the real one, as far as the suite knows them.
import { type Clock, systemClock } from '../../src/clock/clock.ts';
import { dockerConformance, playByStartup } from '../conformance/docker.ts';
import { FakeDocker } from '../support/fake-docker.ts';

/** Waits are over at once: a second between samples proves nothing here. */
const hurried: Clock = { ...systemClock, after: (_ms, callback) => systemClock.after(0, callback) };

dockerConformance('fake Docker', false, async () => {
  const docker = new FakeDocker({ clock: hurried });
  docker.addImage('test/game:1', playByStartup);
  return { docker, image: 'test/game:1' };
});
