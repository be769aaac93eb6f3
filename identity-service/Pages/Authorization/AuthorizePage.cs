using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Pages.Entry;
using AuthMesh.Identity.Pages.Frame;

namespace AuthMesh.Identity.Pages.Authorization;

/// <param name="Reason">What is wrong, as a key of the texts.</param>
public sealed record RefusedModel(Visit Visit, string Reason) : PageModel(Visit, Form.Empty)
{
    public override string Title => "authorize.title";
}

/// <summary>
/// The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core 1.0 §3.1.2): it leads to the page that is due, and back.
/// </summary>
internal static class AuthorizePage
{
    public const string Path = "/authorize", Continue = "continue";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, StoreAsync);
    }

    /// <summary>The path that goes on with a request.</summary>
    public static string PathOf(string id) => $"{Path}?{Continue}={id}";

    /// <summary>Renders what comes next.</summary>
    public static IResult Render(Visit visit, AuthorizationStep step) => step switch
    {
        AuthorizationStep.SignIn(var id, var hint) => visit.ToSignIn(PathOf(id), hint),
        AuthorizationStep.Confirm(var id) => Visit.To(ConfirmPage.PathWith(PathOf(id))),
        AuthorizationStep.Ask(var id, _, _) => Visit.To(ConsentPage.PathOf(id)),
        AuthorizationStep.Return(var answer, var isDirect) => ReturnPage.Show(visit, answer, isDirect),
        AuthorizationStep.Refused(var reason) => Refuse(visit, reason),
        _ => throw new InvalidOperationException($"No page renders {step.GetType().Name}."),
    };

    /// <summary>Says what is wrong, and leads nowhere: whoever made the address may be a stranger.</summary>
    public static IResult Refuse(Visit visit, string reason)
    {
        var page = Refused.Create(new RefusedModel(visit, reason));
        var result = visit.Show(page);
        page.StatusCode = StatusCodes.Status400BadRequest;
        return result;
    }

    private static async Task<IResult> ShowAsync(Visit visit, Authorize authorize, CancellationToken cancellationToken)
    {
        var request = visit.Context.Request;
        return Render(visit, request.Query.Count == 1 && request.Query[Continue] is [{ } id]
            ? await authorize.ContinueAsync(id, visit.Context, cancellationToken)
            : await authorize.BeginAsync(visit.Context, cancellationToken));
    }

    // Another site's form brings no cookie of ours. The address of the stored request does.
    private static async Task<IResult> StoreAsync(Visit visit, Authorize authorize, CancellationToken cancellationToken)
    {
        var parameters = await ProtocolParameters.ReadFormOrNullAsync(visit.Context.Request);
        var (query, refusal) = await authorize.StoreAsync(parameters, visit.Context, cancellationToken);
        return query is null ? Render(visit, refusal!) : Visit.To(Path + query);
    }
}
