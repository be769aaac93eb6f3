using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Admin;

public sealed record InviteUserRequest([property: Required] string? Username = null, string? Role = null, string? Email = null);

/// <param name="Link">The invitation for the admin to hand out. It is shown once. Null if it goes out by mail.</param>
public sealed record InviteUserResponse(
    string Status, string Message, UserResponse User,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Link);

/// <summary>
/// Creates an account without a password. An invitation sets the first one: by mail, or as a link that the admin hands out.
/// </summary>
internal sealed class InviteUser(
    IdentityDb db, LockUsers lockUsers, AccountProofs proofs, MailVerification mail, Outbox outbox, IOptions<AccountOptions> options,
    TimeProvider clock, SecurityEvents events)
{
    private const string Insert =
        $"""
        {AdminCaller.WithRecentProof}
        INSERT INTO users (id, username, normalized_username, requested_email, role, epoch, is_demo, created_at)
        SELECT @id, @username, @normalized_username, @email, @role, 0, false, @now FROM admin
        WHERE NOT EXISTS (SELECT FROM users WHERE normalized_email = @normalized_username)
        ON CONFLICT (normalized_username) DO NOTHING
        """;

    private const string Find = $"SELECT {UserRow.Columns} FROM users u {UserRow.Live} WHERE u.id = @id";

    public static void Map(IEndpointRouteBuilder users) => users.MapPost(
        "", (InviteUserRequest request, HttpContext context, InviteUser inviteUser, CancellationToken cancellationToken) =>
            inviteUser.RunAsync(request, context, cancellationToken))
        .ProducesFailure(MailVerification.NotConfigured, Register.UsernameTaken);

    public async Task<Results<Created<InviteUserResponse>, Failure>> RunAsync(
        InviteUserRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (options.Value.Registration == RegistrationMode.Closed)
        {
            return Register.Closed;
        }

        if (FindFault(request) is { } fault)
        {
            return fault;
        }

        if (request.Email is not null && !mail.IsPossible)
        {
            return MailVerification.NotConfigured;
        }

        // 1. Create the account, if the caller is an admin with a recent proof.
        var (caller, username, now) = (Caller.Of(context.User), Username.TryParse(request.Username!)!, clock.GetUtcNow());
        var id = Guid.CreateVersion7(now);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (_, refusal) = await lockUsers.RunAsync(context.User, caller.UserId.ToString(), cancellationToken); // checks the caller
        if (refusal is not null)
        {
            return refusal;
        }

        if (await db.Database.ExecuteSqlRawAsync(
            Insert,
            [
                .. caller.Parameters, new NpgsqlParameter("id", id), new NpgsqlParameter("username", username.Value),
                new NpgsqlParameter("normalized_username", username.Normalized),
                new NpgsqlParameter("email", NpgsqlDbType.Text) { Value = (object?)request.Email ?? DBNull.Value },
                new NpgsqlParameter("role", request.Role ?? Roles.User), new NpgsqlParameter("now", now),
            ],
            cancellationToken) == 0)
        {
            return await AdminCaller.FindFaultAsync(db, context.User, isChange: true, cancellationToken) ?? Register.UsernameTaken;
        }

        // 2. Invite its owner. A link that an admin saw proves no address.
        string? link = null;
        if (request.Email is { } address)
        {
            await outbox.AddAsync(
                id, MailKind.Invitation, address, PreferredLanguage.Default, new Dictionary<string, string>(), Outbox.Lifetime,
                cancellationToken);
        }
        else
        {
            link = await proofs.CreateLinkAsync(ProofPurpose.Invitation, id, address: null, cancellationToken);
        }

        var user = await UserRow.FindAsync(db, Find, cancellationToken, new NpgsqlParameter("id", id));
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.UserInvited(caller.UserId, id), context);
        return TypedResults.Created(
            (string?)null,
            new InviteUserResponse(
                "success", link is null ? $"User {username.Value} invited by mail" : $"User {username.Value} created. Hand out the link",
                user!, link));
    }

    private static Failure? FindFault(InviteUserRequest request)
    {
        var errors = new Dictionary<string, string[]>();
        if ((string.IsNullOrEmpty(request.Username) ? "is required" : Username.FindFault(request.Username)) is { } usernameFault)
        {
            errors["username"] = [usernameFault];
        }

        if (request.Role is not (null or Roles.Admin or Roles.User))
        {
            errors["role"] = [$"must be {Roles.Admin} or {Roles.User}"];
        }

        if (request.Email is not null && EmailAddress.TryParse(request.Email) is null)
        {
            errors["email"] = [EmailAddress.Rule];
        }

        return errors.Count > 0 ? CommonFailures.InvalidRequest(errors) : null;
    }
}
