using System.Net;
using System.Net.Http.Headers;
using AuthMesh.Access;
using AuthMesh.Issuer;
using AuthMesh.Settings;
using AuthMesh.Tls;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Options;

namespace AuthMesh.Services;

/// <summary>Lets a service, or any other .NET program, call services of the mesh in its own name.</summary>
public static class ServiceClient
{
    /// <summary>
    /// Adds an access token of this program to each request of the client: <c>services.AddHttpClient&lt;Orders&gt;(http =&gt;
    /// http.BaseAddress = …).AddAuthMeshToken("orders.read")</c>. The called endpoint demands <c>RequireApplication("orders.read")</c>.
    /// </summary>
    /// <remarks>
    /// <para>
    /// Needs the settings <c>AuthMesh:Client:Id</c> and <c>AuthMesh:Client:SecretFile</c> of an application that has the scopes. In a
    /// program without <c>AddAuthMesh()</c>, such as a worker, it also needs <c>AuthMesh:Issuer</c>, where it gets the tokens, or
    /// <c>AuthMesh:IdentityUrl</c> if it reaches the mesh elsewhere. The token stays in memory and is renewed from two thirds of its life
    /// on. If none can be had, the request fails with <see cref="HttpRequestException"/>.
    /// </para>
    /// <para>
    /// After a 401, a request is sent once more with a new token if it has no body, or one of known length up to 1 MB, which is kept in
    /// memory. A token that is younger than a second is not replaced. The synchronous <c>Send</c> is not supported.
    /// </para>
    /// <para>
    /// The client trusts the mesh's inner certificates, follows no redirects and uses no proxy. You may keep it: its connections are made
    /// anew each minute. A primary handler that you configure after this call takes its place, and must not follow redirects either.
    /// </para>
    /// </remarks>
    /// <param name="client">The client, configured with a base address. A request to another origin fails.</param>
    /// <param name="scopes">The scopes that the token needs.</param>
    /// <exception cref="ArgumentException">No scope is given, or one is not a valid scope.</exception>
    public static IHttpClientBuilder AddAuthMeshToken(this IHttpClientBuilder client, params string[] scopes)
    {
        ArgumentNullException.ThrowIfNull(scopes);
        if (scopes.Length == 0 || !Array.TrueForAll(scopes, ScopeDemand.IsNameable))
        {
            throw new ArgumentException($"Give scopes, each of which {ScopeDemand.Rule}.", nameof(scopes));
        }

        client.Services.AddMeshSettings();
        client.Services.TryAddSingleton(TimeProvider.System);
        client.Services.TryAddSingleton(provider => // AddAuthMesh() adds its own, in any order
            new IssuerConnection(provider.GetRequiredService<IOptions<AuthMeshOptions>>(), names: null));
        client.Services.TryAddSingleton<ServiceTokens>();
        client.Services.TryAddSingleton<CallsServices>();
        var wanted = string.Join(' ', scopes);
        return client
            .ConfigurePrimaryHttpMessageHandler(provider =>
            {
                var handler = new SocketsHttpHandler
                {
                    AllowAutoRedirect = false,
                    UseProxy = false,
                    UseCookies = false,
                    PooledConnectionLifetime = TimeSpan.FromMinutes(1), // for a client that is kept: a service may move
                };
                var mesh = provider.GetRequiredService<IOptions<AuthMeshOptions>>().Value;
                new InnerTrust(mesh.Tls.RootCertificateFile).ApplyTo(handler.SslOptions);
                return handler;
            })
            .AddHttpMessageHandler(provider => new AddToken(
                provider.GetRequiredService<ServiceTokens>().For(wanted), OriginOf(client.Name, provider)));
    }

    // The factory configures a client after it has made the handlers, so it is asked how.
    private static string OriginOf(string name, IServiceProvider provider)
    {
        using var configured = new HttpClient();
        foreach (var configure in provider.GetRequiredService<IOptionsMonitor<HttpClientFactoryOptions>>().Get(name).HttpClientActions)
        {
            configure(configured);
        }

        return configured.BaseAddress?.GetLeftPart(UriPartial.Authority) ?? throw new InvalidOperationException(
            $"The client {name} needs a BaseAddress where it is added: only that origin gets the token of this service.");
    }

    private sealed class AddToken(ServiceToken token, string origin) : DelegatingHandler
    {
        private const int LongestRepeated = 1024 * 1024;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.RequestUri?.GetLeftPart(UriPartial.Authority) != origin)
            {
                throw new InvalidOperationException($"The request leads away from {origin}. No other gets this token.");
            }

            var mayRepeat = request.Content is null || request.Content.Headers.ContentLength <= LongestRepeated;
            if (mayRepeat && request.Content is not null)
            {
                await request.Content.LoadIntoBufferAsync(cancellationToken);
            }

            var value = await token.FindAsync(refused: null, cancellationToken);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", value);
            var response = await base.SendAsync(request, cancellationToken);
            if (response.StatusCode != HttpStatusCode.Unauthorized || !mayRepeat)
            {
                return response;
            }

            // An admin has ended the token. A request that was refused has changed nothing.
            string another;
            try
            {
                another = await token.FindAsync(refused: value, cancellationToken);
            }
            catch
            {
                response.Dispose();
                throw;
            }

            if (another == value)
            {
                return response;
            }

            response.Dispose();
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", another);
            return await base.SendAsync(request, cancellationToken);
        }

        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new NotSupportedException("Use SendAsync: a token may have to be asked for.");
    }
}

/// <summary>Marks a program that calls services in its own name, and therefore needs the settings of an application.</summary>
internal sealed class CallsServices;
