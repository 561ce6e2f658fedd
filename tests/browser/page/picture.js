// Reads the test picture (fixtures/README.md: a grid of 16 x 9 cells) from anything that a canvas can
// draw. A classic script, as it is put into pages by the browser's own means and must not need modules.
(() => {
  const WHITE = 126;
  const LIT = 170;

  /** Mean luma (Rec. 709, full range) of a rectangle of RGBA pixels. */
  function meanLuma({ data, width, height }, left, top, right, bottom) {
    let sum = 0;
    let count = 0;
    for (let y = Math.max(0, Math.floor(top)); y < Math.min(height, Math.ceil(bottom)); y += 1) {
      for (let x = Math.max(0, Math.floor(left)); x < Math.min(width, Math.ceil(right)); x += 1) {
        const at = (y * width + x) * 4;
        sum += 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2];
        count += 1;
      }
    }
    return count > 0 ? sum / count : 0;
  }

  function isWhite(image, column, row) {
    const w = image.width / 16;
    const h = image.height / 9;
    const luma = meanLuma(
      image,
      (column + 0.25) * w,
      (row + 0.25) * h,
      (column + 0.75) * w,
      (row + 0.75) * h,
    );
    return luma > WHITE;
  }

  /** The picture's number, or null if its markers or its parity are wrong. */
  function readNumber(image) {
    let number = 0;
    let ones = 0;
    for (let column = 0; column < 16; column += 1) {
      const bit = isWhite(image, column, 0) ? 1 : 0;
      number = number * 2 + bit;
      ones += bit;
    }
    const odd = ones % 2 === 1;
    const right =
      isWhite(image, 0, 1) && !isWhite(image, 1, 1) && isWhite(image, 2, 1) === odd && isWhite(image, 3, 1) !== odd;
    return right ? number : null;
  }

  function isLit(image) {
    const y = (image.height * 4) / 9;
    return meanLuma(image, 0, y - 1, image.width, y + 1) > LIT;
  }

  /** Which ground: 'blue', 'green', or null. */
  function ground(image) {
    const x = Math.floor(image.width / 2);
    const y = Math.floor((image.height * 5.5) / 9);
    const at = (y * image.width + x) * 4;
    const [r, g, b] = [image.data[at], image.data[at + 1], image.data[at + 2]];
    if (b > r + 30 && b > g + 30) return 'blue';
    return g > r + 30 && g > b + 30 ? 'green' : null;
  }

  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });

  /** The pixels of a video, an image or a bitmap, scaled down to 320 x 180. */
  function pixels(source) {
    canvas.width = 320;
    canvas.height = 180;
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  globalThis.picture = { pixels, readNumber, isLit, ground };
})();
