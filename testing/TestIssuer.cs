using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AuthMesh.Access;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.Testing;

/// <summary>
/// Stands in for the identity service in tests of a service: it issues tokens, revokes them and falls silent, in the test's own process and
/// without a network. The service validates them by the same code as behind a mesh. See <see cref="TestMesh.WithAuthMesh"/>.
/// </summary>
/// <remarks>Its methods may be called from several threads. What they change takes effect before they return.</remarks>
public sealed class TestIssuer : IAsyncDisposable, IDisposable
{
    private readonly ConcurrentDictionary<string, Guid> users = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<Guid, long> epochs = new();
    private readonly TestKeys keys;
    private readonly StoppedClock clock;
    private readonly Func<HttpClient> createClient;
    private readonly Lazy<IServiceProvider> services;
    private readonly IAsyncDisposable factory;

    internal TestIssuer(
        TestKeys keys, StoppedClock clock, Func<HttpClient> createClient, Func<IServiceProvider> services, IAsyncDisposable factory)
    {
        (this.keys, this.clock, this.createClient, this.factory) = (keys, clock, createClient, factory);
        this.services = new(services); // starts the service
    }

    /// <summary>What the service resolves its dependencies from.</summary>
    public IServiceProvider Services => services.Value;

    private RevokedAccess Revoked => Services.GetRequiredService<RevokedAccess>();

    private AuthMeshOptions Mesh => Services.GetRequiredService<IOptions<AuthMeshOptions>>().Value;

    /// <summary>A client of the service without a token.</summary>
    public HttpClient Client() => createClient();

    /// <summary>A client of the service that sends a token of a signed-in user.</summary>
    /// <param name="user">The user's name. The same name is the same user.</param>
    /// <param name="role">One of <see cref="Roles"/>.</param>
    public HttpClient Client(string user, string role = Roles.User) => Client(Token(user, role));

    /// <summary>A client of the service that sends a token.</summary>
    public HttpClient Client(TestToken token)
    {
        ArgumentNullException.ThrowIfNull(token);
        var client = createClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
        return client;
    }

    /// <summary>Issues a token for a user, in a new session.</summary>
    /// <param name="user">The user's name. The same name is the same user.</param>
    /// <param name="role">One of <see cref="Roles"/>. A token with scopes but without <c>mesh</c> has no role.</param>
    /// <param name="scope">
    /// The scopes of a key or of an application that acts for the user, with spaces between them; null for a sign-in, which nothing limits.
    /// </param>
    /// <param name="lifetime">How long it is valid: 30 minutes unless given. A negative one is over.</param>
    public TestToken Token(string user = "alice", string role = Roles.User, string? scope = null, TimeSpan? lifetime = null)
    {
        var id = users.GetOrAdd(user, _ => Guid.CreateVersion7());
        var isLimited = scope is not null && !scope.Split(' ').Contains(Scopes.Mesh);
        return Sign(id, lifetime, content => content with
        {
            Username = user,
            Role = isLimited ? null : role,
            Scope = scope,
            Epoch = epochs.GetValueOrDefault(id),
            AuthenticatedAt = content.IssuedAt,
            Assurance = Access.Assurance.OneFactor,
            Methods = ["pwd"],
        });
    }

    /// <summary>Issues a token of an application that calls in its own name.</summary>
    /// <param name="clientId">Its <c>client_id</c>.</param>
    /// <param name="scope">What it may do, with spaces between the scopes.</param>
    /// <param name="lifetime">How long it is valid: 30 minutes unless given.</param>
    public TestToken ApplicationToken(string clientId, string scope, TimeSpan? lifetime = null) => Sign(
        users.GetOrAdd("application " + clientId, _ => Guid.CreateVersion7()), lifetime,
        content => content with { ClientId = clientId, Scope = scope, Epoch = 0 });

    /// <summary>Ends the session of a token, as a logout does. The service refuses the token from now on, and its streams end.</summary>
    public void Revoke(TestToken token)
    {
        ArgumentNullException.ThrowIfNull(token);
        Revoked.EndSession(token.SessionId);
    }

    /// <summary>
    /// Raises the epoch of a user, as a change of password or role does. The service refuses the user's earlier tokens from now on.
    /// </summary>
    public void RevokeAll(string user)
    {
        var id = users.GetOrAdd(user, _ => Guid.CreateVersion7());
        Revoked.RaiseEpoch(id, epochs.AddOrUpdate(id, 1, static (_, epoch) => epoch + 1));
    }

    /// <summary>
    /// Distrusts the signing key, as an operator does when it was stolen. The service refuses every token issued so far. A new key signs
    /// the next ones.
    /// </summary>
    public void DistrustKey() => Revoked.Distrust(keys.Rotate());

    /// <summary>
    /// Lets no confirmation of the revocations have arrived for longer than <c>AuthMesh:Revocations:StaleAfter</c>. The service is degraded
    /// then, and with <see cref="OnStale.Reject"/> it answers 503 to requests with a token.
    /// </summary>
    public void GoStale() => clock.Advance(Mesh.Revocations.StaleAfter + TimeSpan.FromSeconds(1));

    /// <summary>Confirms the revocations again, after <see cref="GoStale"/>.</summary>
    public void Recover() => Revoked.Confirm();

    /// <summary>Stops the service.</summary>
    public ValueTask DisposeAsync() => factory.DisposeAsync();

    /// <inheritdoc cref="DisposeAsync"/>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private TestToken Sign(Guid subject, TimeSpan? lifetime, Func<TokenContent, TokenContent> complete)
    {
        var now = Services.GetRequiredService<TimeProvider>().GetUtcNow().ToUnixTimeSeconds();
        var sessionId = Guid.CreateVersion7();
        var content = complete(new TokenContent
        {
            Issuer = Mesh.Issuer, Audience = Mesh.Audience, Subject = subject, ClientId = "authmesh", SessionId = sessionId,
            Id = Guid.NewGuid().ToString("N"), IssuedAt = now,
            ExpiresAt = now + (long)(lifetime ?? TimeSpan.FromMinutes(30)).TotalSeconds,
        });
        return new TestToken(keys.Sign(content), subject, sessionId);
    }
}

/// <summary>A token that <see cref="TestIssuer"/> issued.</summary>
/// <param name="Value">What the header <c>Authorization: Bearer</c> holds.</param>
/// <param name="Subject">The id of the user or the application.</param>
/// <param name="SessionId">The id of the session.</param>
public sealed record TestToken(string Value, Guid Subject, Guid SessionId)
{
    /// <summary>The token as it is sent.</summary>
    public override string ToString() => Value;
}
