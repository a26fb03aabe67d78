// Compiled, not run: the types a CommonJS module sees.
import sjd2 = require('sjd2');

async function main(): Promise<number> {
  const model: sjd2.ImageModel = await sjd2.loadModel();
  const { stats } = await model.generate('a red apple');
  return stats[0]?.tokensPerPass ?? 0;
}

main().catch((error: unknown) => {
  if (error instanceof sjd2.Sjd2Error) console.error(error.code);
});
