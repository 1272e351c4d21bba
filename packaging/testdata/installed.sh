# What an administrator does with the package, and what comes of it. TestInstalled runs
# it as root on a machine of its own, and compares what it prints with installed.golden.
export LC_ALL=C DEBIAN_FRONTEND=noninteractive PAGER=cat
agent='Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'

title() { printf '\n== %s\n' "$1"; }
pid() { systemctl show -P MainPID darkshare; }
# ready waits for half a minute.
ready() {
	for _ in $(seq 300); do
		darkshare healthcheck 2> /dev/null && return
		sleep 0.1
	done
	echo 'not ready'
	systemctl status --no-pager --full darkshare
	journalctl --no-pager -u darkshare
}
visit() { curl -s -o /dev/null -w '%{http_code}\n' -A "$agent" "$@"; }
metrics() { curl -s http://127.0.0.1:9464/metrics | grep -E "$1"; }
# lines waits for what the log has to be counted.
lines() {
	for _ in $(seq 100); do
		metrics '^darkshare_log_lines_total' | grep -q " $1\$" && break
		sleep 0.1
	done
	metrics '^darkshare_log_lines_total'
}
# inside runs a command with the service's user, groups and mounts.
inside() { nsenter --target "$(pid)" --mount -- setpriv --reuid "$(stat -c %u "/proc/$(pid)")" --regid "$(stat -c %g "/proc/$(pid)")" --groups adm "$@" 2>&1 | sed "s/^sh: [0-9]*: //"; }

# Programs that are installed may start their services here.
rm -f /usr/sbin/policy-rc.d
: > /var/log/nginx/access.log
chown www-data:adm /var/log/nginx/access.log
chmod 640 /var/log/nginx/access.log
mkdir -p /srv/www
echo '<title>Soup</title>' > /srv/www/soup.html
cat > /etc/nginx/nginx.conf << 'END'
user www-data;
events {}
http {
  access_log /var/log/nginx/access.log;
  server { listen 127.0.0.1:80; root /srv/www; }
}
END
# systemd-run talks to systemd by the system's bus.
systemctl start dbus.service nginx

title 'installed: nothing starts by itself'
dpkg -i /probe/old.deb > /probe/dpkg 2>&1 || cat /probe/dpkg
systemctl is-enabled darkshare
systemctl is-active darkshare
systemd-analyze verify darkshare.service && echo 'the unit is right'
man --warnings -w darkshare

title 'started: it reads the log of nginx'
systemctl enable --now darkshare 2> /dev/null
systemctl is-active darkshare
ready
visit http://127.0.0.1/soup.html
visit -e https://www.google.com/ http://127.0.0.1/soup.html
visit http://127.0.0.1/gone.html
lines 3
metrics '^darkshare_requests_total.* [1-9]'
metrics '^darkshare_input_up'
metrics '^process_(start_time|resident_memory)' | sed 's/ .*/ …/'

title 'where it listens'
ss -Hltnp | grep darkshare | awk '{print $4}'

title 'who it is'
stat -c %U "/proc/$(pid)"
grep -E '^(CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' "/proc/$(pid)/status"
getent group adm | cut -d: -f3 > /probe/adm
grep -E '^Groups:' "/proc/$(pid)/status" | grep -qw "$(cat /probe/adm)" && echo 'in the group adm'
stat -L -c '%A %U %n' /var/lib/darkshare /var/lib/darkshare/state

title 'what it may not'
inside sh -c 'echo x > /etc/darkshare/darkshare.yaml'
inside sh -c 'echo x > /var/log/nginx/access.log'
inside sh -c 'echo x > /usr/bin/darkshare'
inside ls /home
inside cat /etc/shadow
inside sh -c 'ls /dev | grep -E "^(sd|vd|mem|kmsg|tty[0-9])"'
inside ls /proc/1/status

title 'a changed configuration is taken by a reload'
before=$(pid)
printf 'sites:\n  - name: example.com\n    hosts: [example.com]\n' >> /etc/darkshare/darkshare.yaml
systemctl reload darkshare
for _ in $(seq 100); do journalctl -u darkshare -o cat | grep -q 'configuration reloaded' && break; sleep 0.1; done
journalctl -u darkshare -o cat | grep -o 'msg="configuration reloaded".*'
[ "$(pid)" = "$before" ] && echo 'by the same process'

title 'killed, it comes back, and counts on'
kill -9 "$before"
visit http://127.0.0.1/soup.html
for _ in $(seq 300); do [ "$(pid)" != 0 ] && [ "$(pid)" != "$before" ] && break; sleep 0.1; done
ready
lines 4

title 'upgraded: it is restarted, keeps its configuration, and counts on'
before=$(pid)
dpkg -i --force-confold /probe/new.deb > /probe/dpkg 2>&1 || cat /probe/dpkg
dpkg-query -W darkshare
visit http://127.0.0.1/soup.html
ready
[ "$(pid)" != "$before" ] && echo 'by another process'
grep -c '^  - name: example.com' /etc/darkshare/darkshare.yaml
lines 5
systemctl is-enabled darkshare

title 'old logs, as the service'
systemctl stop darkshare
systemd-run --quiet --pipe --wait -p DynamicUser=yes -p User=darkshare -p SupplementaryGroups=adm -p StateDirectory=darkshare \
	darkshare replay --store /var/lib/darkshare/store --site example.com /var/log/nginx/access.log > /probe/replay 2>&1 || cat /probe/replay
sed -i 's/^state:/store:/; s,^  file: .*,  dir: /var/lib/darkshare/store,' /etc/darkshare/darkshare.yaml
systemctl start darkshare
ready
metrics '^darkshare_(log_lines_total|state_load_errors)'
curl -s 'http://127.0.0.1:9464/api/v1/query?query=count(count_over_time(darkshare_requests_total%5B1h%5D))>0' | grep -o '^{"status":"[a-z]*"'

title 'removed: the configuration and what it counted stay'
dpkg -r darkshare > /probe/dpkg 2>&1 || cat /probe/dpkg
systemctl is-active darkshare
pgrep -c darkshare
ls /etc/darkshare/darkshare.yaml /etc/default/darkshare
ls -d /var/lib/darkshare/

title 'purged: nothing stays'
dpkg -P darkshare > /probe/dpkg 2>&1 || cat /probe/dpkg
# The cache is man's.
find /etc /var /usr /lib /opt /run -xdev -name '*darkshare*' -not -path '/var/cache/man/*'
systemctl is-enabled darkshare 2>&1
exit 0
