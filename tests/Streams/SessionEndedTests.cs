using System.Diagnostics.Metrics;
using System.Security.Claims;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Streams;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Streams;

/// <summary>What a request is told of the end of its session, in each order of the two ends.</summary>
public sealed class SessionEndedTests : IDisposable
{
    private readonly ServiceProvider services;
    private readonly RevokedAccess revoked;
    private readonly Guid session = Guid.NewGuid();
    private readonly CompletedResponse response = new();
    private readonly HttpContext context;
    private int told;

    public SessionEndedTests()
    {
        services = new ServiceCollection().AddMetrics().AddSingleton<SessionWatches>()
            .AddSingleton(provider => new RevokedAccess(
                TimeProvider.System, Options.Create(new AuthMeshOptions()), provider.GetRequiredService<IMeterFactory>(),
                NullLogger<RevokedAccess>.Instance))
            .BuildServiceProvider();
        revoked = services.GetRequiredService<RevokedAccess>();
        context = new DefaultHttpContext
        {
            RequestServices = services,
            User = new(new ClaimsIdentity([new("sid", $"{session}"), new("sub", $"{Guid.NewGuid()}"), new("epoch", "1")], "Bearer")),
        };
        context.Features.Set<IHttpResponseFeature>(response);
    }

    public void Dispose() => services.Dispose();

    [Fact]
    public async Task A_request_that_the_end_of_its_session_cuts_is_told_even_if_the_cut_comes_first()
    {
        revoked.Learned += _ => response.CompleteAsync().GetAwaiter().GetResult(); // subscribed before the watches, so it comes first
        context.SessionEnded.Register(() => told++);

        revoked.EndSession(session);

        Assert.Equal(1, told);
        await response.CompleteAsync();
        Assert.Equal(1, told);
    }

    [Fact]
    public async Task A_request_that_is_over_is_not_told()
    {
        context.SessionEnded.Register(() => told++);
        await response.CompleteAsync();

        revoked.EndSession(session);
        var next = services.GetRequiredService<SessionWatches>();
        Assert.True(next.HasEnded(new(session, Guid.NewGuid(), 1)));

        Assert.Equal(0, told);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public void A_new_epoch_of_the_application_ends_the_session_of_its_tokens_alone(bool isOfApplication, int expected)
    {
        var identity = (ClaimsIdentity)context.User.Identity!;
        identity.AddClaim(new("client_id", "notes"));
        if (isOfApplication)
        {
            identity.AddClaim(new("client_epoch", "3"));
        }

        context.SessionEnded.Register(() => told++);
        revoked.RaiseClientEpoch("mail", 9);
        revoked.RaiseClientEpoch("notes", 3);
        Assert.Equal(0, told);

        revoked.RaiseClientEpoch("notes", 4);

        Assert.Equal(expected, SpinWait.SpinUntil(() => told > 0, isOfApplication ? TimeSpan.FromSeconds(10) : TimeSpan.Zero) ? 1 : 0);
    }

    /// <summary>Runs what is due at the end of the request.</summary>
    private sealed class CompletedResponse : HttpResponseFeature
    {
        private readonly Stack<(Func<object, Task> Callback, object State)> due = new();

        public override void OnCompleted(Func<object, Task> callback, object state) => due.Push((callback, state));

        public async Task CompleteAsync()
        {
            while (due.TryPop(out var last))
            {
                await last.Callback(last.State);
            }
        }
    }
}
