using System.Collections.Concurrent;
using AuthMesh.LocalMesh;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Client;

internal sealed record RecordedRequest(string Line, string? Authorization, string? Cookie, string Body);

/// <summary>A server that is not AuthMesh. It records requests and sends a given answer, or an empty one.</summary>
internal sealed class RecordingServer(Func<RecordedRequest, HttpResponse, Task>? answer = null) : IAsyncDisposable
{
    private readonly ConcurrentQueue<RecordedRequest> recorded = [];
    private WebApplication app = null!;

    public string Origin => app.Urls.Single();

    public IReadOnlyList<RecordedRequest> Recorded => [.. recorded];

    public IEnumerable<string> Requests => recorded.Select(request => request.Line);

    public static RecordingServer RedirectingTo(RecordingServer other) => new((request, response) =>
    {
        response.Redirect(other.Origin + response.HttpContext.Request.Path, permanent: false, preserveMethod: true);
        return Task.CompletedTask;
    });

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add(Loopback.Origin(0));
        app.Run(async context =>
        {
            var request = await ReadAsync(context.Request);
            recorded.Enqueue(request);
            await (answer?.Invoke(request, context.Response) ?? Task.CompletedTask);
        });
        await app.StartAsync();
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    private static async Task<RecordedRequest> ReadAsync(HttpRequest request)
    {
        using var body = new StreamReader(request.Body);
        string? Header(string name) => request.Headers.TryGetValue(name, out var value) ? value.ToString() : null;
        return new RecordedRequest(
            $"{request.Method} {request.Path}", Header("Authorization"), Header("Cookie"),
            await body.ReadToEndAsync(request.HttpContext.RequestAborted));
    }
}

internal static class RecordingServerAnswers
{
    /// <summary>Answers with this JSON.</summary>
    public static async Task SayAsync(this HttpResponse response, int status, string json)
    {
        response.StatusCode = status;
        response.ContentType = "application/json";
        await response.WriteAsync(json);
    }

    /// <summary>Refuses as AuthMesh does.</summary>
    public static Task RefuseAsync(this HttpResponse response, int status, string code, string message) =>
        response.SayAsync(
            status, $$"""{"status":"error","message":"{{message}}","code":"{{code}}","traceId":"0123456789abcdef0123456789abcdef"}""");
}
