package promapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// An ErrorKind sorts what goes wrong between the plugin and the server.
type ErrorKind uint8

// The kinds of errors.
const (
	// Unreachable: no connection, or one that broke.
	Unreachable ErrorKind = iota
	// Timeout: no answer in time.
	Timeout
	// Canceled: whoever asked has gone.
	Canceled
	// Unauthorized is a 401, Refused a 403, NotFound a 404.
	Unauthorized
	Refused
	NotFound
	// Busy: 429, 502, 503 and 504; the server will answer again.
	Busy
	// Unanswerable: the server has understood, and cannot answer (422, 500), or does
	// not understand (400).
	Unanswerable
	// NotPrometheus: something else answers there.
	NotPrometheus
	// TooLarge: more than is taken.
	TooLarge
	// NoMetrics: the server knows of no darkshare.
	NoMetrics
	// Misconfigured: the data source's settings lack something.
	Misconfigured
)

// An Error is what went wrong, told to whoever looks at the panel. It has no address, no
// header and no password.
type Error struct {
	Kind ErrorKind
	// Message says what happened and what to do.
	Message string
	// Status is the HTTP status, 0 where there was none.
	Status int
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Is reports whether target is an Error of the same kind.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind
}

var errTooLarge = errors.New("answer too large")

// said is how much of a server's own words is repeated.
const said = 300

// explain turns whatever the HTTP client or the API returned into an Error.
func explain(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*v1.Error](err); ok {
		return fromAPI(e)
	}
	// A *url.Error repeats the address, which may have a token in it.
	if e, ok := errors.AsType[*url.Error](err); ok {
		if e.Timeout() && !errors.Is(e.Err, context.Canceled) {
			return timedOut()
		}
		err = e.Err
	}
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, httpclient.ErrResponseBodyTooLarge):
		return &Error{Kind: TooLarge, Message: "The server's answer is too large: choose a shorter time range, or set a filter, such as one site."}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Canceled, Message: "The query was cancelled."}
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut()
	}
	return &Error{Kind: Unreachable, Message: unreachable(err)}
}

func timedOut() *Error {
	return &Error{Kind: Timeout, Message: "The server did not answer in time: choose a shorter time range, or set a longer query timeout in the data source's settings."}
}

// unreachable says why there is no connection, in words of our own.
func unreachable(err error) string {
	const check = "check the data source's URL, and that the server runs and can be reached from Grafana's machine."
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return timedOut().Message
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("There is no host of the name %q: %s", e.Name, check)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "Nothing answers at the server's address: " + check
	}
	if said := certificate(err); said != "" {
		return said
	}
	if strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		return "The server speaks http, not https: change the data source's URL."
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return "The server broke the connection off: try again, and look into its log if that goes on."
	}
	return "The server cannot be reached: " + check
}

// certificate says what is wrong with a certificate, the server's or our own; nothing where
// that is not the trouble.
func certificate(err error) string {
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("The server's certificate is for another name than %q: use the certificate's name in the data source's URL, or set it as the server name in the TLS settings.", e.Host)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "The server's certificate has expired, or is not valid yet: have it renewed, and check the clock of Grafana's machine."
	}
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unverified || unknown {
		return "The server's certificate is not trusted: add its CA certificate in the data source's settings."
	}
	// The server's alert has a type of its own, which crypto/tls does not export.
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "remote error" {
		return fmt.Sprintf("The server breaks the TLS handshake off (%v): set a client certificate and key that it accepts in the data source's TLS settings.", e.Err)
	}
	return ""
}

func fromAPI(e *v1.Error) error {
	switch e.Type {
	case v1.ErrTimeout:
		return timedOut()
	case v1.ErrCanceled:
		return &Error{Kind: Timeout, Message: "The server gave the query up: choose a shorter time range."}
	case v1.ErrBadData:
		return &Error{Kind: Unanswerable, Status: http.StatusBadRequest, Message: fmt.Sprintf("The server does not understand the query (%s): is it a Prometheus 2.40 or newer, or compatible?", short(e.Msg))}
	case v1.ErrExec:
		return &Error{Kind: Unanswerable, Status: http.StatusUnprocessableEntity, Message: fmt.Sprintf("The server cannot evaluate the query (%s): choose a shorter time range, or set a filter.", short(e.Msg))}
	case v1.ErrClient, v1.ErrServer:
		return fromStatus(statusIn(e.Msg), e.Detail)
	case v1.ErrBadResponse:
		if code := statusIn(strings.Replace(e.Msg, "bad response code ", ": ", 1)); code != 0 {
			return fromStatus(code, e.Detail)
		}
		return &Error{Kind: NotPrometheus, Message: "The server's answer is not what Prometheus answers: check the data source's URL."}
	}
	return &Error{Kind: Unanswerable, Message: fmt.Sprintf("The server answers with an error (%s).", short(e.Msg))}
}

// statusIn reads the status from "client error: 404", as client_golang writes it.
func statusIn(msg string) (status int) {
	_, number, _ := strings.Cut(msg, ": ")
	_, _ = fmt.Sscanf(number, "%d", &status)
	return status
}

// fromStatus returns the error behind an HTTP status, nil for success.
func fromStatus(status int, body string) error {
	e := &Error{Status: status}
	if status/100 != 2 {
		// Prometheus tells of a time-out with a 503.
		var told struct {
			ErrorType v1.ErrorType
			Error     string
		}
		if json.Unmarshal([]byte(body), &told) == nil && (status == http.StatusBadRequest || status == http.StatusUnprocessableEntity || told.ErrorType == v1.ErrTimeout) {
			return fromAPI(&v1.Error{Type: told.ErrorType, Msg: told.Error})
		}
	}
	switch status {
	case http.StatusUnauthorized:
		e.Kind, e.Message = Unauthorized, "The server wants to know who asks (401): check user, password or token in the data source's settings."
	case http.StatusForbidden:
		e.Kind, e.Message = Refused, "The server refuses the query (403): check that the user or token of the data source's settings may read metrics, and its tenant (X-Scope-OrgID)."
	case http.StatusNotFound:
		e.Kind, e.Message = NotFound, "There is no Prometheus API at the data source's URL (404): check its path; Mimir's ends in /prometheus, VictoriaMetrics' cluster in /select/0/prometheus."
	case http.StatusTooManyRequests:
		e.Kind, e.Message = Busy, "The server has too many queries (429): wait a little, or have dashboards refresh less often."
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.Kind, e.Message = Busy, fmt.Sprintf("The server cannot answer at the moment (%d): try again, and look whether it is starting or overloaded.", status)
	default:
		switch status / 100 {
		case 2:
			return nil
		case 3:
			e.Kind, e.Message = NotPrometheus, fmt.Sprintf("The server sends us to another place (%d): enter the address that answers in the data source's settings, and check whether a proxy wants a login.", status)
			return e
		}
		e.Kind, e.Message = Unanswerable, fmt.Sprintf("The server answers with an error (%d%s): look into its log.", status, words(body))
	}
	return e
}

func words(body string) string {
	if body = short(body); body == "" || strings.HasPrefix(body, "<") {
		return ""
	}
	return ", " + body
}

// short shortens what the server says, and takes it as one line of text.
func short(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if runes := []rune(s); len(runes) > said {
		s = string(runes[:said]) + " …"
	}
	return s
}

// notJSON returns an error where something that is no API says that all is well:
// a proxy's login page.
func notJSON(resp *http.Response, body []byte) error {
	if resp.StatusCode/100 != 2 {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "text/html" || bytes.HasPrefix(bytes.TrimLeft(body[:min(len(body), 512)], " \t\r\n\ufeff"), []byte("<")) {
		return &Error{Kind: NotPrometheus, Status: resp.StatusCode, Message: "A web page answers in place of the Prometheus API: check the data source's URL and its path, and whether a proxy in between wants a login."}
	}
	return nil
}

// NoDarkshare is the error of a server that has no metric of darkshare's.
func NoDarkshare() error {
	return &Error{Kind: NoMetrics, Message: "This Prometheus has no darkshare metrics: is the exporter scraped, and is this the right server (and tenant)?"}
}
