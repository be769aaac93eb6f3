using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Servers;

/// <summary>nginx as a plain proxy: one worker per core, persistent connections to the service, no access log.</summary>
internal static class Nginx
{
    public static async Task<Server> StartAsync(Uri upstream, string folder)
    {
        var port = Ports.Free();
        var file = Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(file, $$"""
            daemon off;
            worker_processes auto;
            pid {{folder}}/nginx.pid;
            error_log stderr warn;
            events { worker_connections 1024; }
            http {
              access_log off;
              client_body_temp_path {{folder}}/body;
              proxy_temp_path {{folder}}/proxy;
              fastcgi_temp_path {{folder}}/fastcgi;
              uwsgi_temp_path {{folder}}/uwsgi;
              scgi_temp_path {{folder}}/scgi;
              keepalive_requests 1000000;
              upstream service { server {{upstream.Authority}}; keepalive 128; keepalive_requests 1000000; }
              server {
                listen 127.0.0.1:{{port}};
                location / {
                  proxy_pass http://service;
                  proxy_http_version 1.1;
                  proxy_set_header Connection "";
                }
              }
            }
            """);
        return await Server.StartAsync("nginx", ["nginx", "-c", file, "-e", "stderr"], port, folder);
    }
}
