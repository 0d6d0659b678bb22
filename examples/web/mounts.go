package main

import (
	"net/http"

	gincors "github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chicors "github.com/go-chi/cors"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// The three do the same. What they have in common:
//
//   - The route takes all methods and all that is below /socket.io/.
//   - Middleware that ends requests after a while, compresses answers or buffers them
//     must not be in front of it: polls wait up to 25 s, and WebSockets take the
//     connection over. Give such middleware to a group of the other routes.
//   - CORS is answered twice, by the middleware and by Socket.IO, with one list.

func mountGin(s *server, origins []string) http.Handler {
	r := gin.New()
	r.Use(gin.Recovery(), gincors.New(gincors.Config{
		AllowOrigins:     origins,
		AllowMethods:     []string{http.MethodGet, http.MethodPost},
		AllowHeaders:     []string{"Content-Type"},
		AllowCredentials: true,
	}))
	r.GET("/ready", gin.WrapF(s.ready))
	r.Any("/socket.io/*path", gin.WrapH(s.io.ServeHandler(nil)))
	return r
}

func mountEcho(s *server, origins []string) http.Handler {
	e := echo.New()
	e.Use(middleware.Recover(), middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins:     origins,
		AllowMethods:     []string{http.MethodGet, http.MethodPost},
		AllowHeaders:     []string{"Content-Type"},
		AllowCredentials: true,
	}))
	e.GET("/ready", echo.WrapHandler(http.HandlerFunc(s.ready)))
	e.Any("/socket.io/*", echo.WrapHandler(s.io.ServeHandler(nil)))
	return e
}

func mountChi(s *server, origins []string) http.Handler {
	r := chi.NewRouter()
	r.Use(chicors.Handler(chicors.Options{
		AllowedOrigins:   origins,
		AllowedMethods:   []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:   []string{"Content-Type"},
		AllowCredentials: true,
	}))
	r.Get("/ready", s.ready)
	r.Handle("/socket.io/*", s.io.ServeHandler(nil))
	return r
}
