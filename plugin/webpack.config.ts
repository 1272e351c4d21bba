import CopyWebpackPlugin from 'copy-webpack-plugin';
import type { Configuration } from 'webpack';

import grafanaConfig, { type Env } from './.config/webpack/webpack.config.ts';

/** The scaffold's configuration, and the dashboards that the plugin brings along. */
const config = async (env: Env): Promise<Configuration> => {
  const base = await grafanaConfig(env);
  const dashboards = new CopyWebpackPlugin({
    patterns: [{ from: '../../dashboards/darkshare-*.json', to: 'dashboards/[name][ext]' }],
  });
  return { ...base, plugins: [...(base.plugins ?? []), dashboards] };
};

export default config;
