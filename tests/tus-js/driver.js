// Uploads a file with tus-js-client, as a page or a program of a company would, and says on one
// line of JSON what was asked and answered. `node driver.js STEP` with its options as JSON on the
// standard input; the steps are the functions of `steps`. The test is tests/campo/tus.rs.

import { createReadStream, readFileSync } from 'node:fs';
import * as tus from 'tus-js-client';

const given = JSON.parse(readFileSync(0, 'utf8'));
const asked = [];

/** An upload of the file, and a promise of its end. */
function upload(more = {}) {
  let settle;
  const end = new Promise((resolve, reject) => (settle = { resolve, reject }));
  const one = new tus.Upload(createReadStream(given.file), {
    endpoint: `${given.server}/v1/arquivos`,
    headers: { authorization: given.authorization },
    metadata: given.metadata,
    chunkSize: given.chunkSize,
    retryDelays: given.retryDelays ?? null,
    urlStorage: new tus.FileUrlStorage(given.storage),
    onAfterResponse: (request, response) => {
      asked.push([
        request.getMethod(),
        response.getStatus(),
        Number(request.getHeader('Upload-Offset') ?? -1),
        Number(response.getHeader('Upload-Offset') ?? -1),
      ]);
    },
    onSuccess: () => settle.resolve(),
    onError: settle.reject,
    ...more,
  });
  return [one, end];
}

/** Starts, and stops once so many bytes were accepted. */
async function begun(bytes, more = {}) {
  let stop;
  const enough = new Promise((resolve) => (stop = resolve));
  const [one, end] = upload({ ...more, onChunkComplete: (_, accepted) => accepted >= bytes && stop() });
  end.catch(() => {});
  one.start();
  await Promise.race([enough, end]);
  await one.abort();
  return one;
}

const steps = {
  /** From the first byte to the last. */
  async whole() {
    const [one, end] = upload();
    one.start();
    await end;
    return one.url;
  },

  /** The first bytes come with the creation. */
  async creation() {
    const [one, end] = upload({ uploadDataDuringCreation: true });
    one.start();
    await end;
    return one.url;
  },

  /** Stops in the middle, and leaves the address where the next one finds it. */
  async half() {
    return (await begun(given.bytes)).url;
  },

  /** Goes on with what `half` has left. */
  async resume() {
    const [one, end] = upload();
    const [previous] = await one.findPreviousUploads();
    one.resumeFromPreviousUpload(previous);
    one.start();
    await end;
    return one.url;
  },

  /** Stops in the middle, and takes back what was sent. */
  async terminate() {
    const one = await begun(given.bytes);
    await one.abort(true);
    return one.url;
  },
};

let answer;
try {
  answer = { url: await steps[process.argv[2]](), asked };
} catch (error) {
  answer = { error: String(error), status: error.originalResponse?.getStatus(), asked };
}
console.log(JSON.stringify(answer));
