// The page with the editors, and a server for it on 127.0.0.1.
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const icons = path.join(here, '../node_modules/@grafana/ui/dist/public/img/icons');

/** What the back end would list. */
export const values = {
  site: ['courier.example', 'blog.example'],
  section: ['/actu/politique', '/sport', '(other)'],
  device: ['desktop', 'mobile', 'other', 'tablet'],
  channel: ['dark_social', 'direct', 'search', 'social'],
  source: ['whatsapp', 'google', 'other'],
};

/** Builds the page and serves it; `requests` has the URL of each request for values. */
export async function serve() {
  const { outputFiles } = await build({
    entryPoints: [path.join(here, 'page/page.tsx')],
    bundle: true,
    write: false,
    outdir: here,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    minifySyntax: true,
    minifyWhitespace: true,
    define: { 'process.env.NODE_ENV': '"development"', global: 'window' },
    loader: { '.svg': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl' },
    logLevel: 'error',
  });
  const script = outputFiles.find((file) => file.path.endsWith('.js')).contents;
  const page = await readFile(path.join(here, 'page/index.html'));
  const requests = [];
  const site = { requests, broken: false };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    // The script is large; what the back end says is never the same.
    const cache = url.pathname.startsWith('/api/') ? 'no-store' : 'max-age=3600';
    const send = (status, type, body) =>
      response.writeHead(status, { 'content-type': type, 'cache-control': cache }).end(body);
    try {
      if (url.pathname === '/') {
        send(200, 'text/html', page);
      } else if (url.pathname === '/page.js') {
        send(200, 'text/javascript', script);
      } else if (url.pathname.startsWith('/public/build/img/icons/')) {
        const file = path.join(icons, path.normalize(url.pathname.slice('/public/build/img/icons/'.length)));
        // The spinner is not in the package, only in Grafana.
        send(200, 'image/svg+xml', await readFile(file).catch(() => '<svg xmlns="http://www.w3.org/2000/svg"/>'));
      } else if (url.pathname === '/api/datasources/uid/darksocial/resources/values') {
        requests.push(url);
        if (site.broken) {
          send(502, 'application/json', '{"message":"The server at http://prometheus:9090 does not answer."}');
        } else {
          send(200, 'application/json', JSON.stringify(values[url.searchParams.get('label')] ?? []));
        }
      } else {
        send(404, 'text/plain', 'not found');
      }
    } catch (error) {
      send(500, 'text/plain', String(error));
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  site.url = `http://127.0.0.1:${server.address().port}/`;
  site.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return site;
}
