/**
 * README.md as the npm page shows it: there its links have no repository around them, so each
 * becomes an address at the version's tag.
 */
export function withAddresses(markdown, repository, version) {
  const address = (kind, path) => `${repository}/${kind}/v${version}/${path}`;
  return markdown.replace(
    /(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)]+)\)/g,
    (_, image, text, path) =>
      image ? `![${text}](${address('raw', path)})` : `[${text}](${address('blob', path)})`,
  );
}

/** Links of a page that point nowhere once it stands alone. */
export function relativeLinks(markdown) {
  return [...markdown.matchAll(/\]\((?!https?:|#|mailto:)([^)]+)\)/g)].map((match) => match[1]);
}
