package accesslog

import (
	"fmt"
	"strings"
)

// Variables in definitions of our own, for logs of proxies that have no language for
// theirs: the rest of the line, a word, a time without spaces, an address with its port, a request
// line with the host in its target.
const (
	restVariable = "darkshare_rest"
	wordVariable = "darkshare_word"
	timeVariable = "darkshare_time"
	peerVariable = "darkshare_peer"
	urlVariable  = "darkshare_url"
)

// nginxVariables are the variables of nginx that mean something here, or that
// cannot look like anything. All others are skipped as free text.
// Source: https://nginx.org/en/docs/varindex.html.
var nginxVariables = map[string]value{
	"remote_addr":        {slot: slotClient, rank: 2, kind: kindAddr},
	"realip_remote_addr": {slot: slotClient, rank: 1, kind: kindAddr},
	"time_local":         {slot: slotTime, rank: 1, kind: kindTime, clock: clockCLF, width: clockCLF.width},
	"time_iso8601":       {slot: slotTime, rank: 1, kind: kindTime, clock: clockISO, width: clockISO.width},
	"msec":               {slot: slotTime, rank: 2, kind: kindNumber, clock: clockFine},
	"request":            {slot: slotRequest, rank: rankRequest},
	"request_method":     {slot: slotMethod, rank: 1, kind: kindToken},
	// nginx refuses a space in the request target since 1.21.1.
	"request_uri":  {slot: slotTarget, rank: rankWhole, kind: kindToken},
	"uri":          {slot: slotPath, rank: rankPath},
	"document_uri": {slot: slotPath, rank: rankPath},
	"args":         {slot: slotQuery, rank: rankQuery, kind: kindToken},
	"query_string": {slot: slotQuery, rank: rankQuery, kind: kindToken},
	"is_args":      {slot: slotIsArgs, kind: kindToken},
	"host":         {slot: slotHost, rank: 3, kind: kindName},
	"server_name":  {slot: slotHost, rank: 1, kind: kindName},
	"status":       {slot: slotStatus, rank: 1, kind: kindNumber},

	"body_bytes_sent":     {kind: kindNumber},
	"bytes_sent":          {kind: kindNumber},
	"bytes_received":      {kind: kindNumber},
	"request_length":      {kind: kindNumber},
	"request_time":        {kind: kindNumber},
	"gzip_ratio":          {kind: kindNumber},
	"connection":          {kind: kindNumber},
	"connection_requests": {kind: kindNumber},
	"connection_time":     {kind: kindNumber},
	"remote_port":         {kind: kindNumber},
	"realip_remote_port":  {kind: kindNumber},
	"server_port":         {kind: kindNumber},
	"server_addr":         {kind: kindAddr},
	"pid":                 {kind: kindNumber},
	"pipe":                {kind: kindToken},
	"scheme":              {kind: kindToken},
	"https":               {kind: kindToken},
	"http2":               {kind: kindToken},
	"http3":               {kind: kindToken},
	"server_protocol":     {kind: kindToken},
	"request_id":          {kind: kindToken},
	"request_completion":  {kind: kindToken},
	"ssl_protocol":        {kind: kindToken},
	"ssl_cipher":          {kind: kindToken},
	"ssl_session_reused":  {kind: kindToken},
	"hostname":            {kind: kindToken},

	"upstream_cache_status": {kind: kindToken},
	restVariable:            {kind: kindRest},
	wordVariable:            {kind: kindToken},
	timeVariable:            {slot: slotTime, rank: 1, kind: kindToken, clock: clockISO},
	peerVariable:            {slot: slotPeer, rank: 1, kind: kindToken},
	urlVariable:             {slot: slotRequestURL, rank: rankRequest},
}

// nginxVariable returns what a variable holds.
func nginxVariable(name string) value {
	if v, ok := nginxVariables[name]; ok {
		return v
	}
	if header, ok := strings.CutPrefix(name, "http_"); ok {
		return requestHeader(strings.ReplaceAll(header, "_", "-"))
	}
	for rank, prefix := range []string{"upstream_http_", "sent_http_"} {
		if header, ok := strings.CutPrefix(name, prefix); ok {
			return responseHeader(strings.ReplaceAll(header, "_", "-"), uint8(rank+1))
		}
	}
	return value{}
}

// requestHeaders has the request's headers, in lower case, that go into a Request.
// Where several give the same field, the ones that only a proxy in front sets
// come before those that a client can begin.
var requestHeaders = map[string]value{
	"host":             {slot: slotHost, rank: 2},
	"referer":          {slot: slotReferer, rank: 1},
	"user-agent":       {slot: slotUserAgent, rank: 1},
	"cf-connecting-ip": {slot: slotForwardedFor, rank: 4},
	"true-client-ip":   {slot: slotForwardedFor, rank: 3},
	"x-real-ip":        {slot: slotForwardedFor, rank: 2},
	"x-forwarded-for":  {slot: slotForwardedFor, rank: 1},
	"sec-fetch-site":   {slot: slotSecFetchSite, rank: 1},
	"sec-fetch-mode":   {slot: slotSecFetchMode, rank: 1},
	"sec-fetch-dest":   {slot: slotSecFetchDest, rank: 1},
	"sec-fetch-user":   {slot: slotSecFetchUser, rank: 1},
	"sec-purpose":      {slot: slotPurpose, rank: 4},
	"purpose":          {slot: slotPurpose, rank: 3},
	"x-purpose":        {slot: slotPurpose, rank: 2},
	"x-moz":            {slot: slotPurpose, rank: 1},
	"x-requested-with": {slot: slotRequestedWith, rank: 1},
}

func requestHeader(name string) value { return requestHeaders[strings.ToLower(name)] }

func responseHeader(name string, rank uint8) value {
	if strings.EqualFold(name, "content-type") {
		return value{slot: slotContentType, rank: rank}
	}
	return value{}
}

// parseNginx takes a log_format's string apart. The definition may be the bare
// string, the directive's quoted pieces, or the directive with its name; escape is
// then what the directive says of it, else "".
func parseNginx(definition string) (p pattern, escape string, err error) {
	text, escape, err := nginxDirective(definition)
	if err != nil {
		return p, "", err
	}
	for i := 0; i < len(text); {
		if text[i] != '$' {
			n := strings.IndexByte(text[i:], '$')
			if n < 0 {
				n = len(text) - i
			}
			p.literal(text[i : i+n])
			i += n
			continue
		}
		name := ""
		if rest := text[i+1:]; strings.HasPrefix(rest, "{") {
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return p, "", fmt.Errorf("the ${ at byte %d has no }", i+1)
			}
			name = rest[1:end]
			i += len("${}") + len(name)
		} else {
			end := 0
			for end < len(rest) && isVariableByte(rest[end]) {
				end++
			}
			name = rest[:end]
			i += len("$") + len(name)
		}
		if name == "" {
			return p, "", fmt.Errorf("the $ at byte %d has no variable's name behind it", i)
		}
		p.value(nginxVariable(name))
	}
	return p, escape, nil
}

func isVariableByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// nginxDirective takes the string out of `log_format name escape=json '...' '...';`
// or of its pieces alone. A bare string comes back as it is.
func nginxDirective(definition string) (text, escape string, err error) {
	words, ok := nginxWords(definition)
	directive := ok && len(words) > 0 && !words[0].quoted && words[0].text == "log_format"
	switch {
	case directive && len(words) < 3:
		return "", "", fmt.Errorf("log_format needs a name and a string")
	case directive:
		words = words[2:]
		if e, is := strings.CutPrefix(words[0].text, "escape="); is && !words[0].quoted {
			if e != "default" && e != "json" && e != "none" {
				return "", "", fmt.Errorf("log_format: escape=%s is not known", e)
			}
			escape, words = e, words[1:]
		}
	case strings.HasPrefix(definition, "log_format"):
		return "", "", fmt.Errorf("log_format: a quote is not closed")
	case !ok || definition[0] != '\'':
		return definition, "", nil
	}
	var b strings.Builder
	for _, w := range words {
		if !directive && !w.quoted {
			return definition, "", nil
		}
		b.WriteString(w.text)
	}
	return b.String(), escape, nil
}

type nginxWord struct {
	text   string
	quoted bool
}

// nginxWords splits a directive into its words, as nginx's configuration parser
// does (ngx_conf_read_token), up to its semicolon.
func nginxWords(s string) (words []nginxWord, ok bool) {
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
		case ';':
			return words, true
		case '#':
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				return words, true
			}
			i += n
		case '\'', '"':
			var b strings.Builder
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
					switch s[i] {
					case '"', '\'', '\\':
						b.WriteByte(s[i])
					case 't':
						b.WriteByte('\t')
					case 'r':
						b.WriteByte('\r')
					case 'n':
						b.WriteByte('\n')
					default:
						b.WriteByte('\\')
						b.WriteByte(s[i])
					}
					continue
				}
				b.WriteByte(s[i])
			}
			if i == len(s) {
				return nil, false
			}
			i++
			words = append(words, nginxWord{b.String(), true})
		default:
			n := strings.IndexAny(s[i:], " \t\r\n;")
			if n < 0 {
				n = len(s) - i
			}
			words = append(words, nginxWord{s[i : i+n], false})
			i += n
		}
	}
	return words, true
}
