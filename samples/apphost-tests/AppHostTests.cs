using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.Testing;
using Xunit;

namespace AppHost.Tests;

/// <summary>Starts the whole application: PostgreSQL and the mesh in containers, the service as a process.</summary>
public sealed class AppHostTests
{
    // The issuer in the tokens has the port that the AppHost names, so the test takes that port too.
    private static readonly string[] Arguments = ["DcpPublisher:RandomizePorts=false"];

    [Fact]
    public async Task Alice_signs_in_reads_her_notes_and_signs_out()
    {
        var stop = TestContext.Current.CancellationToken;
        var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.apphost>(Arguments, stop);
        await using var app = await builder.BuildAsync(stop);
        await app.StartAsync(stop);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("auth", stop);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("notes", stop);
        using var http = app.CreateHttpClient("auth", "http");

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(HttpMethod.Get, "/notes/about"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(HttpMethod.Get, "/notes"));

        var login = await http.PostAsJsonAsync("/login", new { username = "alice", password = "password123" }, stop);
        var token = (await login.Content.ReadFromJsonAsync<JsonElement>(stop)).GetProperty("token").GetString();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(HttpMethod.Get, "/notes", token));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(HttpMethod.Get, "/notes/all", token));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(HttpMethod.Post, "/logout", token));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(HttpMethod.Get, "/notes", token));

        async Task<HttpStatusCode> StatusAsync(HttpMethod method, string path, string? bearer = null)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
            return (await http.SendAsync(request, stop)).StatusCode;
        }
    }
}
