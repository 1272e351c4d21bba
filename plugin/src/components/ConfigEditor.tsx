import { DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { t } from '@grafana/i18n';
import {
  AdvancedHttpSettings,
  Auth,
  AuthMethod,
  ConfigSection,
  ConfigSubSection,
  ConnectionSettings,
  convertLegacyAuthProps,
  SecureSocksProxyToggle,
} from '@grafana/plugin-ui';
import { config } from '@grafana/runtime';
import { Divider, InlineField, Input } from '@grafana/ui';
import React from 'react';

import { DarkSocialOptions } from '../types';

type Props = DataSourcePluginOptionsEditorProps<DarkSocialOptions>;

const LABEL_WIDTH = 24;

export function ConfigEditor({ options, onOptionsChange }: Props) {
  const auth = convertLegacyAuthProps({ config: options, onChange: onOptionsChange });
  const set = (fields: Partial<DarkSocialOptions>) =>
    onOptionsChange({ ...options, jsonData: { ...options.jsonData, ...fields } });

  return (
    <>
      <p>
        {t(
          'config.lead',
          'Anything that speaks the Prometheus API and has the metrics of darkshare: darkshare itself where it keeps its history (--store), Prometheus, Thanos, Mimir or VictoriaMetrics.'
        )}
      </p>
      <ConnectionSettings
        config={options}
        onChange={onOptionsChange}
        urlLabel={t('config.url', 'Server URL')}
        urlPlaceholder="http://localhost:9464"
        urlTooltip={t('config.url-how', 'Without /api/v1. Grafana’s server must be able to reach it.')}
      />
      <Divider spacing={4} />
      <Auth
        {...auth}
        defaultOptionsOverrides={{
          [AuthMethod.NoAuth]: {
            label: t('config.auth-none', 'None'),
            description: t('config.auth-none-how', 'The server answers everyone'),
          },
          [AuthMethod.BasicAuth]: {
            label: t('config.auth-basic', 'User and password'),
            description: t('config.auth-basic-how', 'Basic authentication'),
          },
          [AuthMethod.OAuthForward]: {
            label: t('config.auth-oauth', 'Forward the user’s OAuth identity'),
            description: t('config.auth-oauth-how', 'The server sees who asks'),
          },
        }}
        visibleMethods={[AuthMethod.NoAuth, AuthMethod.BasicAuth, AuthMethod.OAuthForward]}
      />
      <Divider spacing={4} />
      <ConfigSection
        title={t('config.more', 'More settings')}
        description={t('config.more-how', 'Rarely needed.')}
        isCollapsible
        isInitiallyOpen={Boolean(options.jsonData.timeInterval || options.jsonData.queryTimeout)}
      >
        <AdvancedHttpSettings config={options} onChange={onOptionsChange} />
        {config.secureSocksDSProxyEnabled && (
          <SecureSocksProxyToggle
            labelWidth={LABEL_WIDTH}
            dataSourceConfig={options}
            onChange={onOptionsChange as React.ComponentProps<typeof SecureSocksProxyToggle>['onChange']}
          />
        )}
        <ConfigSubSection title={t('config.queries', 'Queries')}>
          <Duration
            id="darksocial-time-interval"
            label={t('config.time-interval', 'Scrape interval')}
            tooltip={t(
              'config.time-interval-how',
              'How often the metrics are read: no step of a query is under two of these.'
            )}
            placeholder="1m"
            value={options.jsonData.timeInterval}
            readOnly={options.readOnly}
            onChange={(timeInterval) => set({ timeInterval })}
          />
          <Duration
            id="darksocial-query-timeout"
            label={t('config.query-timeout', 'Query timeout')}
            tooltip={t('config.query-timeout-how', 'After this a query is given up and says so.')}
            placeholder="30s"
            value={options.jsonData.queryTimeout}
            readOnly={options.readOnly}
            onChange={(queryTimeout) => set({ queryTimeout })}
          />
        </ConfigSubSection>
      </ConfigSection>
    </>
  );
}

interface DurationProps {
  id: string;
  label: string;
  tooltip: string;
  placeholder: string;
  value?: string;
  readOnly?: boolean;
  onChange: (value: string | undefined) => void;
}

function Duration({ id, label, tooltip, placeholder, value = '', readOnly, onChange }: DurationProps) {
  const valid = value === '' || isDuration(value);
  return (
    <InlineField
      htmlFor={id}
      label={label}
      labelWidth={LABEL_WIDTH}
      tooltip={tooltip}
      disabled={readOnly}
      invalid={!valid}
      error={valid ? undefined : t('config.duration', 'A number and a unit, such as 30s, 1m or 1h')}
    >
      <Input
        id={id}
        width={20}
        placeholder={placeholder}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value || undefined)}
      />
    </InlineField>
  );
}

/** Whether the back end can read the text as a length of time: 30s, 1m30s, 1h. */
export function isDuration(text: string): boolean {
  return /^(\d+(ms|s|m|h|d))+$/.test(text) && /[1-9]/.test(text);
}
