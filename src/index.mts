// One implementation for both module systems: were there two, an image or an error made by the one
// would not be an instance of the other's class.
export type * from './index.js';
export {
  contactSheet,
  ImageModel,
  loadModel,
  RgbImage,
  Sjd2Error,
  shippedModels,
} from './index.js';
