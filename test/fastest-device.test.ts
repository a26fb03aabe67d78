/** What `device: 'auto'` takes: the choice, over devices whose passes take as long as they are told to. */
import { openFastest } from '../src/fastest-device';
import type { DeviceName } from '../src/native/addon';

function devicesWith(milliseconds: Partial<Record<DeviceName, number>>) {
  const opened: string[] = [];
  const disposed: string[] = [];
  const open = async (device: DeviceName) => {
    opened.push(device);
    const time = milliseconds[device];
    if (time === undefined) throw new Error(`no ${device}`);
    return {
      device,
      deviceReason: '',
      passSeconds: async () => {
        if (Number.isNaN(time)) throw new Error(`${device} broke`);
        return time / 1000;
      },
      dispose: async () => {
        disposed.push(device);
      },
    };
  };
  return { opened, disposed, open };
}

let keys = 0;
const fresh = () => `model ${keys++}`;

test('the fastest is taken, the others are freed, and the times are the reason', async () => {
  const { open, disposed } = devicesWith({ cpu: 9, cuda: 4, webgpu: 3 });
  const model = await openFastest(fresh(), ['cpu', 'cuda', 'webgpu'], open);
  expect(model.device).toBe('webgpu');
  expect(disposed).toEqual(['cpu', 'cuda']);
  expect(model.deviceReason).toBe(
    'webgpu: milliseconds a pass of 16: cpu 9.0, cuda 4.0, webgpu 3.0',
  );
});

test('the CPU stays where it is faster', async () => {
  const { open, disposed } = devicesWith({ cpu: 2, webgpu: 3 });
  expect((await openFastest(fresh(), ['cpu', 'webgpu'], open)).device).toBe('cpu');
  expect(disposed).toEqual(['webgpu']);
});

test('the second load of a model opens what the first one found, and times nothing', async () => {
  const key = fresh();
  const { open, opened } = devicesWith({ cpu: 9, webgpu: 3 });
  const first = await openFastest(key, ['cpu', 'webgpu'], open);
  const second = await openFastest(key, ['cpu', 'webgpu'], open);
  expect(opened).toEqual(['cpu', 'webgpu', 'webgpu']);
  expect(second.deviceReason).toBe(first.deviceReason);
});

test('without a GPU nothing is timed', async () => {
  const { open } = devicesWith({ cpu: Number.NaN });
  const model = await openFastest(fresh(), ['cpu'], open);
  expect(model.deviceReason).toBe('cpu: no other device can be had');
});

test('a GPU that cannot run the model is out, and is named', async () => {
  const { open } = devicesWith({ cpu: 9 });
  const model = await openFastest(fresh(), ['cpu', 'cuda'], open);
  expect(model.device).toBe('cpu');
  expect(model.deviceReason).toMatch(/cpu 9\.0, cuda cannot run this model/);
});

test('an error while timing, such as an abort, frees what was loaded', async () => {
  const { open, disposed } = devicesWith({ cpu: 9, webgpu: Number.NaN });
  await expect(openFastest(fresh(), ['cpu', 'webgpu'], open)).rejects.toThrow('webgpu broke');
  expect(disposed.sort()).toEqual(['cpu', 'webgpu']);
});
