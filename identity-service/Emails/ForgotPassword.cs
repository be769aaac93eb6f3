using System.ComponentModel.DataAnnotations;
using System.Diagnostics.Metrics;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Emails;

public sealed record ForgotPasswordRequest([property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Account = null);

/// <summary>
/// Takes the request of a person who forgot a password, and does the same for every text: one insert. <see cref="AnswerMailRequests"/>
/// finds out afterwards whether such an account exists, so neither the answer nor its time tells.
/// </summary>
internal sealed class ForgotPassword
{
    // A row takes up to 400 bytes, and the worker answers thousands in a minute.
    private const int MostWaiting = 10_000;

    private const string Insert =
        """
        INSERT INTO mail_requests (id, account, network, language, created_at)
        SELECT @id, @account, @network, @language, now()
        WHERE (SELECT count(*) FROM (SELECT FROM mail_requests LIMIT @most) AS waiting) < @most
        """;

    private readonly ForgotPasswordPace pace;
    private readonly IdentityDb db;
    private readonly MailVerification mail;
    private readonly CallerAddress callerAddress;
    private readonly TimeProvider clock;
    private readonly Signal<AnswerMailRequests> signal;
    private readonly Counter<long> dropped;

    public ForgotPassword(
        ForgotPasswordPace pace, IdentityDb db, MailVerification mail, CallerAddress callerAddress, TimeProvider clock,
        Signal<AnswerMailRequests> signal, IMeterFactory meters)
    {
        (this.pace, this.db, this.mail, this.callerAddress, this.clock, this.signal) = (pace, db, mail, callerAddress, clock, signal);
        dropped = meters.Create("AuthMesh.Identity").CreateCounter<long>(
            "authmesh.mail_requests.dropped", "{request}", "Forgotten passwords that got no mail because too many requests waited.");
        dropped.Add(0); // makes the series, so that an alert sees the increase by the first one
    }

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/forgot", (ForgotPasswordRequest request, HttpContext context, ForgotPassword forgot, CancellationToken cancellationToken) =>
            forgot.RunAsync(request, context, cancellationToken)).AllowAnonymous()
        .ProducesFailure(MailVerification.NotConfigured);

    public async Task<Results<Accepted<MessageResponse>, Failure>> RunAsync(
        ForgotPasswordRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (!mail.IsPossible)
        {
            return MailVerification.NotConfigured;
        }

        if (string.IsNullOrEmpty(request.Account))
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["account"] = ["is required"] });
        }

        var network = callerAddress.NetworkOf(context);
        var isTaken = await pace.WaitAsync(network, cancellationToken)
            && await InsertAsync(request.Account, network, PreferredLanguage.Of(context.Request), cancellationToken);
        if (!isTaken)
        {
            dropped.Add(1);
        }

        signal.Wake();
        return TypedResults.Accepted(
            (string?)null, new MessageResponse("success", "If this account has a confirmed address, a mail with a link is on its way"));
    }

    private async Task<bool> InsertAsync(string account, string network, string language, CancellationToken cancellationToken)
    {
        // An impossible text becomes an empty one, which no account has: its insert costs the same.
        var typed = SignInName.Parse(account);
        return await db.Database.ExecuteSqlRawAsync(
            Insert,
            [
                new NpgsqlParameter("id", Guid.CreateVersion7(clock.GetUtcNow())),
                new NpgsqlParameter("account", typed.IsPossible ? typed.Text : ""),
                new NpgsqlParameter("network", network), new NpgsqlParameter("language", language),
                new NpgsqlParameter("most", MostWaiting),
            ],
            cancellationToken) > 0;
    }
}
