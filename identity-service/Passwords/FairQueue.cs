namespace AuthMesh.Identity.Passwords;

/// <summary>
/// A fair queue of the places of one kind of caller; the caller holds the lane's lock. The next turn goes to the network whose last turn is
/// longest ago, within it to the account whose last turn is longest ago, within that to the first arrival. Each choice scans all places:
/// a few microseconds, against 250,000 for a hash.
/// </summary>
/// <remarks>
/// A known device's account counts as one party across all networks, because its cookie can be sent from any number of networks. A
/// stranger's account is only a typed name. It counts separately in each network, so a guesser elsewhere cannot take the owner's turn.
/// </remarks>
internal sealed class FairQueue
{
    private readonly List<HashingPlace> places = []; // in order of arrival
    private readonly Dictionary<(string? Network, string? Account), Party> parties = []; // only parties that hold a place
    private long turn;

    public int Places => places.Count;

    public int Waiting => places.Count(place => place.State == PlaceState.Waiting);

    public HashingPlace Add(HashingPlace place)
    {
        place.Network = Join((place.Applicant.Network, null));
        place.Account = Join(AccountOf(place.Applicant));
        places.Add(place);
        return place;
    }

    public void Remove(HashingPlace place)
    {
        if (places.Remove(place))
        {
            Quit(place.Network);
            Quit(place.Account);
        }
    }

    /// <summary>Starts the turn of the next place.</summary>
    /// <returns>That place, or null if none waits.</returns>
    public HashingPlace? TakeNext()
    {
        var next = places.Where(place => place.State == PlaceState.Waiting).MinBy(
            place => (Math.Max(place.Network.LastTurn, place.Account.LastTurn), place.Account.LastTurn));
        if (next is not null)
        {
            next.Begin();
            next.Network.LastTurn = next.Account.LastTurn = ++turn;
        }

        return next;
    }

    /// <summary>
    /// Finds the place to evict: the newest unserved place of the network, or of the known device's account, that holds the most places.
    /// </summary>
    /// <param name="newcomer">The applicant for the place, who must then hold less than the loser held. Null for an applicant who is
    /// entitled to a place in any case.</param>
    public HashingPlace? FindLoser(Applicant? newcomer = null)
    {
        var network = newcomer is null ? null : parties.GetValueOrDefault((newcomer.Network, null));
        var account = newcomer is null ? null : parties.GetValueOrDefault(AccountOf(newcomer));
        HashingPlace? loser = null;
        foreach (var place in places.Where(place => !place.WasServed))
        {
            loser = loser is null || Rank(place).CompareTo(Rank(loser)) >= 0 ? place : loser;
        }

        return loser is null || newcomer is null || Held(loser.Network, loser.Account) > Held(network, account) + 1
            || (loser.Network == network && loser.Account.Places > (account?.Places ?? 0) + 1) ? loser : null;

        (int, bool, int) Rank(HashingPlace place) => (Held(place.Network, place.Account), place.Network == network, place.Account.Places);
    }

    private static int Held(Party? network, Party? account) => Math.Max(network?.Places ?? 0, account?.Places ?? 0);

    private static (string?, string?) AccountOf(Applicant applicant) =>
        (applicant.IsKnownDevice ? null : applicant.Network, applicant.Account);

    private Party Join((string?, string?) key)
    {
        // A new party queues behind all present ones. Otherwise leaving and coming back would be a way to the front.
        if (!parties.TryGetValue(key, out var party))
        {
            parties[key] = party = new Party(key) { LastTurn = ++turn };
        }

        party.Places++;
        return party;
    }

    private void Quit(Party party)
    {
        if (--party.Places == 0)
        {
            parties.Remove(party.Key);
        }
    }

    /// <summary>A network, a stranger's account within one network, or a known device's account.</summary>
    internal sealed class Party((string? Network, string? Account) key)
    {
        public (string?, string?) Key { get; } = key;

        public int Places { get; set; }

        public long LastTurn { get; set; }
    }
}
