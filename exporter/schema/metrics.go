package schema

// A Type is a metric's kind of value.
type Type uint8

// The types.
const (
	Counter Type = iota
	Gauge
)

// A Metric is the definition of one exported metric.
type Metric struct {
	// Name is the Prometheus name, with its unit and, for counters, "_total".
	Name string
	// OTel is the OpenTelemetry instrument name; with Unit it translates to Name
	// (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
	OTel string
	// Unit is the OpenTelemetry unit, a UCUM code.
	Unit   string
	Help   string
	Type   Type
	Labels []string
}

// Label names.
const (
	LabelSite     = "site"
	LabelChannel  = "channel"
	LabelSource   = "source"
	LabelEvidence = "evidence"
	LabelDevice   = "device"
	LabelWindow   = "window"
	LabelBound    = "bound"
	LabelApp      = "app"
	LabelScope    = "scope"
	LabelPage     = "page"
	LabelSection  = "section"
	LabelGoal     = "goal"
	LabelKind     = "kind"
	LabelInput    = "input"
	LabelReason   = "reason"
	LabelLimit    = "limit"
	LabelCause    = "cause"
	LabelVersion  = "version"
	LabelRevision = "revision"
	LabelGo       = "goversion"
)

// PageChannelRest is the channel label of darkshare_page_visits_total for every
// channel but dark_social.
const PageChannelRest = "rest"

// The metrics. Their order is the order of the reference in the documentation.
var (
	Visits = &Metric{"darkshare_visits_total", "darkshare.visits", "{visit}",
		"Landings by confirmed browsers, reloads left out.", Counter,
		[]string{LabelSite, LabelChannel, LabelSource, LabelEvidence, LabelDevice}}
	UnconfirmedLandings = &Metric{"darkshare_unconfirmed_landings_total", "darkshare.unconfirmed_landings", "{landing}",
		"Landings whose visitor never showed itself as a browser.", Counter,
		[]string{LabelSite, LabelChannel}}
	ConfirmationRatio = &Metric{"darkshare_confirmation_ratio", "darkshare.confirmation", "1",
		"The control group: share of the landings from search engines that were confirmed.", Gauge,
		[]string{LabelSite}}
	ConfirmationLandings = &Metric{"darkshare_confirmation_landings", "darkshare.confirmation.landings", "{landing}",
		"Landings from search engines behind darkshare_confirmation_ratio.", Gauge,
		[]string{LabelSite}}
	ConfirmationEnabled = &Metric{"darkshare_confirmation_enabled", "darkshare.confirmation.enabled", "",
		"1 where a landing must be confirmed to count as a visit, 0 where confirmation cannot be seen and every landing counts.", Gauge,
		[]string{LabelSite}}
	Ratio = &Metric{"darkshare_ratio", "darkshare.ratio", "1",
		"The dark share: dark-social visits over all visits of the window, as known, as estimated, and at most.", Gauge,
		[]string{LabelSite, LabelWindow, LabelBound}}
	RatioVisits = &Metric{"darkshare_ratio_visits", "darkshare.ratio.visits", "{visit}",
		"Visits of the window, the count behind darkshare_ratio.", Gauge,
		[]string{LabelSite, LabelWindow}}
	EstimateInterval = &Metric{"darkshare_estimate_interval_ratio", "darkshare.estimate.interval", "1",
		"The ends of the 95 % interval (Wilson) of darkshare_ratio's estimate: what chance alone explains.", Gauge,
		[]string{LabelSite, LabelWindow, LabelLimit}}
	DeepLinkExcess = &Metric{"darkshare_deep_link_excess_total", "darkshare.deep_link.excess", "{visit}",
		"How many of the visits under evidence deep_link are expected not to be private sharing; the estimate has them still.", Counter,
		[]string{LabelSite, LabelCause}}
	LinkPreviews = &Metric{"darkshare_link_previews_total", "darkshare.link_previews", "{share}",
		"Shares: link previews fetched by apps, the fetches of one share counted once.", Counter,
		[]string{LabelSite, LabelApp, LabelScope}}
	PageVisits = &Metric{"darkshare_page_visits_total", "darkshare.page.visits", "{visit}",
		"Visits by landing page, for the pages with the most visits; the rest under (other).", Counter,
		[]string{LabelSite, LabelPage, LabelChannel}}
	PageLinkPreviews = &Metric{"darkshare_page_link_previews_total", "darkshare.page.link_previews", "{share}",
		"Shares by page, for the pages with the most visits; the rest under (other).", Counter,
		[]string{LabelSite, LabelPage}}
	SectionVisits = &Metric{"darkshare_section_visits_total", "darkshare.section.visits", "{visit}",
		"Visits by section of the site; the rest under (other).", Counter,
		[]string{LabelSite, LabelSection, LabelChannel}}
	Conversions = &Metric{"darkshare_conversions_total", "darkshare.conversions", "{visit}",
		"Visits that reached a goal.", Counter,
		[]string{LabelSite, LabelGoal, LabelChannel, LabelSource}}
	Requests = &Metric{"darkshare_requests_total", "darkshare.requests", "{request}",
		"Access records by what they are, each exactly once.", Counter,
		[]string{LabelSite, LabelKind}}
	LogLines = &Metric{"darkshare_log_lines_total", "darkshare.log.lines", "{line}",
		"Log records read.", Counter,
		[]string{LabelInput}}
	LogErrors = &Metric{"darkshare_log_errors_total", "darkshare.log.errors", "{line}",
		"Log records that are not access records, by reason.", Counter,
		[]string{LabelInput, LabelReason}}
	InputBytes = &Metric{"darkshare_input_bytes_total", "darkshare.input", "By",
		"Bytes read from the input, after decompression.", Counter,
		[]string{LabelInput}}
	InputLag = &Metric{"darkshare_input_lag_bytes", "darkshare.input.lag", "By",
		"Bytes that wait in the input's files, not read yet.", Gauge,
		[]string{LabelInput}}
	InputLastRecord = &Metric{"darkshare_input_last_record_timestamp_seconds", "darkshare.input.last_record.timestamp", "s",
		"Time of the newest access record of the input, as logged.", Gauge,
		[]string{LabelInput}}
	InputDropped = &Metric{"darkshare_input_dropped_total", "darkshare.input.dropped", "{line}",
		"Records lost before they were counted, by reason.", Counter,
		[]string{LabelInput, LabelReason}}
	InputErrors = &Metric{"darkshare_input_errors_total", "darkshare.input.errors", "{error}",
		"Trouble with those who send to the input (or, with Kafka, are read from), by reason.", Counter,
		[]string{LabelInput, LabelReason}}
	InputUp = &Metric{"darkshare_input_up", "darkshare.input.up", "",
		"1 while the input can be read, 0 while it cannot.", Gauge,
		[]string{LabelInput}}
	ForwardedRecords = &Metric{"darkshare_forwarded_records_total", "darkshare.forwarded_records", "{record}",
		"Access records that were forwarded, and that Kafka has acknowledged. Only where darkshare forwards.", Counter, nil}
	ForwardPending = &Metric{"darkshare_forward_pending_records", "darkshare.forward.pending_records", "{record}",
		"Access records on their way to Kafka, not acknowledged yet.", Gauge, nil}
	ForwardErrors = &Metric{"darkshare_forward_errors_total", "darkshare.forward.errors", "{error}",
		"Trouble with the brokers that records are forwarded to, by reason. What they refuse is sent again.", Counter,
		[]string{LabelReason}}
	ForwardUp = &Metric{"darkshare_forward_up", "darkshare.forward.up", "",
		"1 while records can be forwarded, 0 before the first and while they cannot.", Gauge, nil}
	Visitors = &Metric{"darkshare_visitors", "darkshare.visitors", "{visitor}",
		"Visitors remembered at the moment.", Gauge, nil}
	VisitorsEvicted = &Metric{"darkshare_visitors_evicted_total", "darkshare.visitors.evicted", "{visitor}",
		"Visitors forgotten before their window was over, because the limit was reached.", Counter, nil}
	PendingLandings = &Metric{"darkshare_pending_landings", "darkshare.pending_landings", "{landing}",
		"Landings that wait for their visitor to show itself as a browser.", Gauge, nil}
	LimitReached = &Metric{"darkshare_limit_reached_total", "darkshare.limit.reached", "{event}",
		"Times that a limit was met and something went under (other) or was forgotten early.", Counter,
		[]string{LabelLimit}}
	StateSaved = &Metric{"darkshare_state_saved_timestamp_seconds", "darkshare.state.saved.timestamp", "s",
		"When the state file was last written; 0 before. Only where there is one.", Gauge, nil}
	StateSaveErrors = &Metric{"darkshare_state_save_errors_total", "darkshare.state.save_errors", "{error}",
		"Times that the state file could not be written: what is shown since then may be counted again after a kill.", Counter, nil}
	StateLoadErrors = &Metric{"darkshare_state_load_errors_total", "darkshare.state.load_errors", "{error}",
		"State files that could not be taken up at the start, and were set aside.", Counter, nil}
	StoreNewest = &Metric{"darkshare_store_last_sample_timestamp_seconds", "darkshare.store.last_sample.timestamp", "s",
		"Time of the newest sample in the embedded store, as logged; 0 before. Only where there is a store, as of all of these.", Gauge, nil}
	StoreErrors = &Metric{"darkshare_store_append_errors_total", "darkshare.store.append_errors", "{error}",
		"Times that samples could not be stored. They are kept in memory for hours, and stored when they can be.", Counter, nil}
	StoreDropped = &Metric{"darkshare_store_dropped_samples_total", "darkshare.store.dropped_samples", "{sample}",
		"Samples that are missing from the store, because it could not be written for too long.", Counter, nil}
	BuildInfo = &Metric{"darkshare_build_info", "darkshare.build.info", "",
		"Always 1; the labels say which darkshare this is.", Gauge,
		[]string{LabelVersion, LabelRevision, LabelGo}}
)

// Metrics lists every metric.
var Metrics = []*Metric{
	Visits, UnconfirmedLandings, ConfirmationRatio, ConfirmationLandings, ConfirmationEnabled,
	Ratio, RatioVisits, EstimateInterval, DeepLinkExcess, LinkPreviews, PageVisits, PageLinkPreviews, SectionVisits, Conversions,
	Requests, LogLines, LogErrors,
	InputBytes, InputLag, InputLastRecord, InputDropped, InputErrors, InputUp,
	ForwardedRecords, ForwardPending, ForwardErrors, ForwardUp,
	Visitors, VisitorsEvicted, PendingLandings, LimitReached,
	StateSaved, StateSaveErrors, StateLoadErrors,
	StoreNewest, StoreErrors, StoreDropped, BuildInfo,
}
