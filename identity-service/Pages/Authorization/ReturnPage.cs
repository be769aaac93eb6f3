using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Pages.Frame;

namespace AuthMesh.Identity.Pages.Authorization;

/// <param name="Host">Where the browser goes, for people.</param>
/// <param name="Address">The address; with fields, the target of a form.</param>
/// <param name="Fields">What the form carries; empty if the address says it all.</param>
public sealed record ReturnModel(Visit Visit, string Host, string Address, IReadOnlyList<(string Name, string Value)> Fields)
    : PageModel(Visit, Form.Empty)
{
    public override string Title => "return.title";

    public override string? GoesOnTo => Fields.Count == 0 ? Address : null;

    public override IReadOnlyList<string> Scripts => Fields.Count == 0 ? [] : ["send.js"];
}

/// <summary>
/// Leads back to an application. After a form of ours, a page does that and no redirect: browsers check the policy of a form's page against
/// every address that its answer leads to.
/// </summary>
internal static class ReturnPage
{
    public static IResult Show(Visit visit, AuthorizationAnswer answer, bool isDirect)
    {
        if (!answer.Return.IsFormPost)
        {
            return isDirect ? Visit.To(answer.Location) : Show(visit, answer.Location);
        }

        var uri = answer.Return.RedirectUri;
        PageGuard.AllowFormTo(visit.Context.Response, new Uri(uri).GetLeftPart(UriPartial.Authority));
        return visit.Show(Return.Create(new ReturnModel(visit, HostOf(uri), uri, answer.Members)));
    }

    /// <summary>Goes on to a registered address.</summary>
    public static IResult Show(Visit visit, string address) =>
        visit.Show(Return.Create(new ReturnModel(visit, HostOf(address), address, [])));

    /// <summary>How people recognise where an address leads. The host of a private scheme is empty.</summary>
    public static string HostOf(string address) => new Uri(address) is { Host.Length: > 0 } uri ? uri.IdnHost : new Uri(address).Scheme;
}
