/**
 * Generated parts of a document: what stands between `<!-- begin NAME -->` and `<!-- end -->` is
 * replaced, the prose around it is not touched.
 */

/** @param make name -> Markdown */
export function fillMarkers(document, make) {
  const marker = /(<!-- begin ([^>]+?) -->\n)[\s\S]*?(<!-- end -->)/g;
  const begins = document.match(/<!-- begin /g)?.length ?? 0;
  let filled = 0;
  const text = document.replace(marker, (_, begin, name, end) => {
    filled++;
    return `${begin}\n${make(name)}\n\n${end}`;
  });
  if (filled !== begins) throw new Error('A <!-- begin --> marker has no <!-- end --> of its own');
  return text;
}
