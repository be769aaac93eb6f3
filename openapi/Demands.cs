using AuthMesh.Access;
using AuthMesh.Errors;
using Microsoft.AspNetCore.Authorization;

namespace AuthMesh.OpenApi;

internal enum CallerKind
{
    Anybody,
    User,
    Application,
}

/// <summary>Who may call an endpoint, and the errors of those who may not.</summary>
internal sealed record Demands(CallerKind Caller, IReadOnlyList<Failure> Failures)
{
    public static Demands Of(IList<object> metadata)
    {
        if (metadata.OfType<IAllowAnonymous>().Any())
        {
            return new(CallerKind.Anybody, []);
        }

        var requirements = metadata.OfType<AuthorizationPolicy>().SelectMany(policy => policy.Requirements).ToList();
        var scope = requirements.OfType<ScopeDemand>().FirstOrDefault();
        var isForApplications = scope is { IsForApplications: true };
        var isForAdmins = scope is { IsForAdmins: true } || metadata.OfType<IAuthorizeData>().Any(data => data.Policy == Policies.Admin);
        var failures = new List<Failure>
        {
            CommonFailures.FromStatus(401),
            CommonFailures.InvalidToken(),
            CommonFailures.Forbidden(
                isForApplications ? "Only applications may do this" : isForAdmins ? "Admin access required" : "Only users may do this"),
            CommonFailures.MissingScope(scope?.Scope),
        };
        if (requirements.Any(requirement => requirement is RecentSignIn))
        {
            failures.Add(CommonFailures.InsufficientAuthentication(60, null));
        }

        return new(isForApplications ? CallerKind.Application : CallerKind.User, failures);
    }
}
