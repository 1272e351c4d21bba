package accesslog_test

import (
	"fmt"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

func ExampleCompile() {
	format, err := accesslog.Compile(`$remote_addr [$time_local] "$request" $status "$http_user_agent"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(format.Fields())

	var r accesslog.Request
	line := []byte(`192.0.2.7 [14/Nov/2023:09:05:12 +0100] "GET /boots HTTP/2.0" 200 "WhatsApp/2.23.20.0 A"`)
	if reason := format.NewParser().Parse(line, &r); reason != schema.ReasonNone {
		fmt.Println(reason)
		return
	}
	fmt.Printf("%s %s %d %s\n", r.Method, r.Target, r.Status, r.UserAgent)
	fmt.Println(format.Advise()[0].Add)
	// Output:
	// time status client method target user_agent
	// GET /boots 200 WhatsApp/2.23.20.0 A
	// "$http_referer"
}
