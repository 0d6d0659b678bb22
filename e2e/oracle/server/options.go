package main

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// options are those of Node's server, in its units.
type options struct {
	Quiet                       bool   `json:"quiet"`
	Denied                      bool   `json:"denied"`
	Parser                      string `json:"parser"`
	PingInterval                int    `json:"pingInterval"`
	PingTimeout                 int    `json:"pingTimeout"`
	UpgradeTimeout              int    `json:"upgradeTimeout"`
	ConnectTimeout              int    `json:"connectTimeout"`
	MaxHTTPBufferSize           int64  `json:"maxHttpBufferSize"`
	AllowEIO3                   bool   `json:"allowEIO3"`
	AllowUpgrades               *bool  `json:"allowUpgrades"`
	ServeClient                 *bool  `json:"serveClient"`
	Path                        string `json:"path"`
	AddTrailingSlash            *bool  `json:"addTrailingSlash"`
	CleanupEmptyChildNamespaces bool   `json:"cleanupEmptyChildNamespaces"`
	Transports                  []string
	Cors                        *struct {
		Origin      any  `json:"origin"`
		Credentials bool `json:"credentials"`
	} `json:"cors"`
	Cookie *struct {
		Name     string `json:"name"`
		Path     string `json:"path"`
		HTTPOnly bool   `json:"httpOnly"`
		SameSite string `json:"sameSite"`
		MaxAge   int    `json:"maxAge"`
	} `json:"cookie"`
	PerMessageDeflate *struct {
		Threshold int `json:"threshold"`
	} `json:"perMessageDeflate"`
	Recovery *struct {
		MaxDisconnectionDuration int64 `json:"maxDisconnectionDuration"`
		SkipMiddlewares          *bool `json:"skipMiddlewares"`
	} `json:"connectionStateRecovery"`
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (o *options) server() *socket.ServerOptions {
	c := socket.DefaultServerOptions()
	if o.PingInterval > 0 {
		c.SetPingInterval(milliseconds(o.PingInterval))
	}
	if o.PingTimeout > 0 {
		c.SetPingTimeout(milliseconds(o.PingTimeout))
	}
	if o.UpgradeTimeout > 0 {
		c.SetUpgradeTimeout(milliseconds(o.UpgradeTimeout))
	}
	if o.ConnectTimeout > 0 {
		c.SetConnectTimeout(milliseconds(o.ConnectTimeout))
	}
	if o.MaxHTTPBufferSize > 0 {
		c.SetMaxHttpBufferSize(o.MaxHTTPBufferSize)
	}
	if o.AllowEIO3 {
		c.SetAllowEIO3(true)
	}
	if o.AllowUpgrades != nil {
		c.SetAllowUpgrades(*o.AllowUpgrades)
	}
	if o.ServeClient != nil {
		c.SetServeClient(*o.ServeClient)
	}
	if o.Path != "" {
		c.SetPath(o.Path)
	}
	if o.AddTrailingSlash != nil {
		c.SetAddTrailingSlash(*o.AddTrailingSlash)
	}
	if o.CleanupEmptyChildNamespaces {
		c.SetCleanupEmptyChildNamespaces(true)
	}
	if len(o.Transports) > 0 {
		set := types.NewSet[socket.TransportCtor]()
		for _, name := range o.Transports {
			set.Add(map[string]socket.TransportCtor{"polling": socket.Polling, "websocket": socket.WebSocket}[name])
		}
		c.SetTransports(set)
	}
	if o.Cors != nil {
		c.SetCors(&types.Cors{Origin: o.Cors.Origin, Credentials: o.Cors.Credentials})
	}
	if k := o.Cookie; k != nil {
		c.SetCookie(&http.Cookie{Name: k.Name, Path: k.Path, HttpOnly: k.HTTPOnly, MaxAge: k.MaxAge, SameSite: map[string]http.SameSite{"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode}[k.SameSite]})
	}
	if o.PerMessageDeflate != nil {
		c.SetPerMessageDeflate(&types.PerMessageDeflate{Threshold: o.PerMessageDeflate.Threshold})
	}
	if r := o.Recovery; r != nil {
		recovery := socket.DefaultConnectionStateRecovery()
		recovery.SetMaxDisconnectionDuration(r.MaxDisconnectionDuration)
		if r.SkipMiddlewares != nil {
			recovery.SetSkipMiddlewares(*r.SkipMiddlewares)
		}
		c.SetConnectionStateRecovery(recovery)
	}
	if o.Parser == "msgpack" {
		c.SetParser(msgpackParser{})
	}
	if o.Denied {
		c.SetAllowRequest(func(ctx *types.HttpContext) error {
			if strings.Contains(ctx.Request().URL.String(), "denied") {
				return errors.New("not you")
			}
			return nil
		})
	}
	return c
}
