/** Drawings of our own: what no emoji shows in a plain colour. Red, so that they can be painted. */
const red = '#dd2e44';
const draw = (body) => ({ body, width: 36, height: 36 });

export const SHAPES = {
  circle: draw(`<circle cx="18" cy="18" r="18" fill="${red}"/>`),
  square: draw(`<rect width="36" height="36" fill="${red}"/>`),
  triangle: draw(`<path d="M18 2 36 34H0z" fill="${red}"/>`),
  ball: draw(
    `<circle cx="18" cy="18" r="18" fill="${red}"/>` +
      '<path d="M0 18a18 18 0 0 0 36 0c-6 5-12 7-18 7S6 23 0 18z" fill="#a0041e"/>' +
      '<ellipse cx="12" cy="9" rx="5" ry="3.4" transform="rotate(-35 12 9)" fill="#ffe3e6"/>',
  ),
  cube: draw(
    `<path d="M18 0 34 9v18L18 36 2 27V9z" fill="${red}"/>` +
      '<path d="M18 0 34 9 18 18 2 9z" fill="#f4788a"/><path d="M34 9v18L18 36V18z" fill="#a0041e"/>',
  ),
};
