using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Client;

/// <summary>A server that is none of ours: it notes who comes, and answers nothing of use or with a redirect.</summary>
internal sealed class RecordingServer(RecordingServer? redirectTo = null) : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> requests = [];
    private WebApplication app = null!;

    public string Origin => app.Urls.Single();

    public IEnumerable<string> Requests => requests;

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.Run(context =>
        {
            requests.Enqueue($"{context.Request.Method} {context.Request.Path}");
            if (redirectTo is not null)
            {
                context.Response.Redirect(redirectTo.Origin + context.Request.Path, permanent: false, preserveMethod: true);
            }

            return Task.CompletedTask;
        });
        await app.StartAsync();
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();
}
